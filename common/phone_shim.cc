// SPDX-License-Identifier: MIT
// All that retl needs of libphonenumber, for C: see phone.h.
#include <cstring>
#include <string>

#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

extern "C" {
extern const int retl_phone_version;
int retl_phone_e164(const char *text, size_t n, const char *region, char *out,
		    size_t cap);
}

const int retl_phone_version = 1;

// 0 and the number in out, NUL-terminated; 1: not a number there; 2: too short,
// 3: too long. region: two capital letters, or "ZZ".
int retl_phone_e164(const char *text, size_t n, const char *region, char *out,
		    size_t cap)
{
	const PhoneNumberUtil &util = *PhoneNumberUtil::GetInstance();
	PhoneNumber number;
	std::string e164;

	switch (util.Parse(std::string(text, n), region, &number)) {
	case PhoneNumberUtil::NO_PARSING_ERROR:
		break;
	case PhoneNumberUtil::TOO_SHORT_NSN:
	case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
		return 2;
	case PhoneNumberUtil::TOO_LONG_NSN:
		return 3;
	default:
		return 1;
	}
	// Not whether it is in use: ranges are opened faster than Debian
	// renews the library.
	switch (util.IsPossibleNumberWithReason(number)) {
	case PhoneNumberUtil::IS_POSSIBLE:
		break;
	case PhoneNumberUtil::TOO_LONG:
		return 3;
	case PhoneNumberUtil::TOO_SHORT:
	case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
		return 2;
	default:
		return 1;
	}
	util.Format(number, PhoneNumberUtil::E164, &e164);
	if (e164.size() >= cap)
		return 3;
	std::memcpy(out, e164.c_str(), e164.size() + 1);
	return 0;
}

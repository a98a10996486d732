/* SPDX-License-Identifier: MIT */
/*
 * The names of countries are those of the public-domain time zone database,
 * some shortened; in lower case.
 */
#include "common/codes.h"

static const struct {
	char two[3], three[4];
	const char *name;
} countries[] = {
	{ "ad", "and", "andorra" },
	{ "ae", "are", "united arab emirates" },
	{ "af", "afg", "afghanistan" },
	{ "ag", "atg", "antigua and barbuda" },
	{ "ai", "aia", "anguilla" },
	{ "al", "alb", "albania" },
	{ "am", "arm", "armenia" },
	{ "ao", "ago", "angola" },
	{ "aq", "ata", "antarctica" },
	{ "ar", "arg", "argentina" },
	{ "as", "asm", "american samoa" },
	{ "at", "aut", "austria" },
	{ "au", "aus", "australia" },
	{ "aw", "abw", "aruba" },
	{ "ax", "ala", "\303\245land islands" },
	{ "az", "aze", "azerbaijan" },
	{ "ba", "bih", "bosnia and herzegovina" },
	{ "bb", "brb", "barbados" },
	{ "bd", "bgd", "bangladesh" },
	{ "be", "bel", "belgium" },
	{ "bf", "bfa", "burkina faso" },
	{ "bg", "bgr", "bulgaria" },
	{ "bh", "bhr", "bahrain" },
	{ "bi", "bdi", "burundi" },
	{ "bj", "ben", "benin" },
	{ "bl", "blm", "saint barthelemy" },
	{ "bm", "bmu", "bermuda" },
	{ "bn", "brn", "brunei" },
	{ "bo", "bol", "bolivia" },
	{ "bq", "bes", "caribbean netherlands" },
	{ "br", "bra", "brazil" },
	{ "bs", "bhs", "bahamas" },
	{ "bt", "btn", "bhutan" },
	{ "bv", "bvt", "bouvet island" },
	{ "bw", "bwa", "botswana" },
	{ "by", "blr", "belarus" },
	{ "bz", "blz", "belize" },
	{ "ca", "can", "canada" },
	{ "cc", "cck", "cocos (keeling) islands" },
	{ "cd", "cod", "dr congo" },
	{ "cf", "caf", "central african rep." },
	{ "cg", "cog", "republic of the congo" },
	{ "ch", "che", "switzerland" },
	{ "ci", "civ", "c\303\264te d'ivoire" },
	{ "ck", "cok", "cook islands" },
	{ "cl", "chl", "chile" },
	{ "cm", "cmr", "cameroon" },
	{ "cn", "chn", "china" },
	{ "co", "col", "colombia" },
	{ "cr", "cri", "costa rica" },
	{ "cu", "cub", "cuba" },
	{ "cv", "cpv", "cape verde" },
	{ "cw", "cuw", "cura\303\247ao" },
	{ "cx", "cxr", "christmas island" },
	{ "cy", "cyp", "cyprus" },
	{ "cz", "cze", "czech republic" },
	{ "de", "deu", "germany" },
	{ "dj", "dji", "djibouti" },
	{ "dk", "dnk", "denmark" },
	{ "dm", "dma", "dominica" },
	{ "do", "dom", "dominican republic" },
	{ "dz", "dza", "algeria" },
	{ "ec", "ecu", "ecuador" },
	{ "ee", "est", "estonia" },
	{ "eg", "egy", "egypt" },
	{ "eh", "esh", "western sahara" },
	{ "er", "eri", "eritrea" },
	{ "es", "esp", "spain" },
	{ "et", "eth", "ethiopia" },
	{ "fi", "fin", "finland" },
	{ "fj", "fji", "fiji" },
	{ "fk", "flk", "falkland islands" },
	{ "fm", "fsm", "micronesia" },
	{ "fo", "fro", "faroe islands" },
	{ "fr", "fra", "france" },
	{ "ga", "gab", "gabon" },
	{ "gb", "gbr", "united kingdom" },
	{ "gd", "grd", "grenada" },
	{ "ge", "geo", "georgia" },
	{ "gf", "guf", "french guiana" },
	{ "gg", "ggy", "guernsey" },
	{ "gh", "gha", "ghana" },
	{ "gi", "gib", "gibraltar" },
	{ "gl", "grl", "greenland" },
	{ "gm", "gmb", "gambia" },
	{ "gn", "gin", "guinea" },
	{ "gp", "glp", "guadeloupe" },
	{ "gq", "gnq", "equatorial guinea" },
	{ "gr", "grc", "greece" },
	{ "gs", "sgs", "south georgia and the south sandwich islands" },
	{ "gt", "gtm", "guatemala" },
	{ "gu", "gum", "guam" },
	{ "gw", "gnb", "guinea-bissau" },
	{ "gy", "guy", "guyana" },
	{ "hk", "hkg", "hong kong" },
	{ "hm", "hmd", "heard island and mcdonald islands" },
	{ "hn", "hnd", "honduras" },
	{ "hr", "hrv", "croatia" },
	{ "ht", "hti", "haiti" },
	{ "hu", "hun", "hungary" },
	{ "id", "idn", "indonesia" },
	{ "ie", "irl", "ireland" },
	{ "il", "isr", "israel" },
	{ "im", "imn", "isle of man" },
	{ "in", "ind", "india" },
	{ "io", "iot", "british indian ocean territory" },
	{ "iq", "irq", "iraq" },
	{ "ir", "irn", "iran" },
	{ "is", "isl", "iceland" },
	{ "it", "ita", "italy" },
	{ "je", "jey", "jersey" },
	{ "jm", "jam", "jamaica" },
	{ "jo", "jor", "jordan" },
	{ "jp", "jpn", "japan" },
	{ "ke", "ken", "kenya" },
	{ "kg", "kgz", "kyrgyzstan" },
	{ "kh", "khm", "cambodia" },
	{ "ki", "kir", "kiribati" },
	{ "km", "com", "comoros" },
	{ "kn", "kna", "saint kitts and nevis" },
	{ "kp", "prk", "north korea" },
	{ "kr", "kor", "south korea" },
	{ "kw", "kwt", "kuwait" },
	{ "ky", "cym", "cayman islands" },
	{ "kz", "kaz", "kazakhstan" },
	{ "la", "lao", "laos" },
	{ "lb", "lbn", "lebanon" },
	{ "lc", "lca", "saint lucia" },
	{ "li", "lie", "liechtenstein" },
	{ "lk", "lka", "sri lanka" },
	{ "lr", "lbr", "liberia" },
	{ "ls", "lso", "lesotho" },
	{ "lt", "ltu", "lithuania" },
	{ "lu", "lux", "luxembourg" },
	{ "lv", "lva", "latvia" },
	{ "ly", "lby", "libya" },
	{ "ma", "mar", "morocco" },
	{ "mc", "mco", "monaco" },
	{ "md", "mda", "moldova" },
	{ "me", "mne", "montenegro" },
	{ "mf", "maf", "saint martin" },
	{ "mg", "mdg", "madagascar" },
	{ "mh", "mhl", "marshall islands" },
	{ "mk", "mkd", "north macedonia" },
	{ "ml", "mli", "mali" },
	{ "mm", "mmr", "myanmar" },
	{ "mn", "mng", "mongolia" },
	{ "mo", "mac", "macau" },
	{ "mp", "mnp", "northern mariana islands" },
	{ "mq", "mtq", "martinique" },
	{ "mr", "mrt", "mauritania" },
	{ "ms", "msr", "montserrat" },
	{ "mt", "mlt", "malta" },
	{ "mu", "mus", "mauritius" },
	{ "mv", "mdv", "maldives" },
	{ "mw", "mwi", "malawi" },
	{ "mx", "mex", "mexico" },
	{ "my", "mys", "malaysia" },
	{ "mz", "moz", "mozambique" },
	{ "na", "nam", "namibia" },
	{ "nc", "ncl", "new caledonia" },
	{ "ne", "ner", "niger" },
	{ "nf", "nfk", "norfolk island" },
	{ "ng", "nga", "nigeria" },
	{ "ni", "nic", "nicaragua" },
	{ "nl", "nld", "netherlands" },
	{ "no", "nor", "norway" },
	{ "np", "npl", "nepal" },
	{ "nr", "nru", "nauru" },
	{ "nu", "niu", "niue" },
	{ "nz", "nzl", "new zealand" },
	{ "om", "omn", "oman" },
	{ "pa", "pan", "panama" },
	{ "pe", "per", "peru" },
	{ "pf", "pyf", "french polynesia" },
	{ "pg", "png", "papua new guinea" },
	{ "ph", "phl", "philippines" },
	{ "pk", "pak", "pakistan" },
	{ "pl", "pol", "poland" },
	{ "pm", "spm", "saint pierre and miquelon" },
	{ "pn", "pcn", "pitcairn" },
	{ "pr", "pri", "puerto rico" },
	{ "ps", "pse", "palestine" },
	{ "pt", "prt", "portugal" },
	{ "pw", "plw", "palau" },
	{ "py", "pry", "paraguay" },
	{ "qa", "qat", "qatar" },
	{ "re", "reu", "r\303\251union" },
	{ "ro", "rou", "romania" },
	{ "rs", "srb", "serbia" },
	{ "ru", "rus", "russia" },
	{ "rw", "rwa", "rwanda" },
	{ "sa", "sau", "saudi arabia" },
	{ "sb", "slb", "solomon islands" },
	{ "sc", "syc", "seychelles" },
	{ "sd", "sdn", "sudan" },
	{ "se", "swe", "sweden" },
	{ "sg", "sgp", "singapore" },
	{ "sh", "shn", "saint helena" },
	{ "si", "svn", "slovenia" },
	{ "sj", "sjm", "svalbard and jan mayen" },
	{ "sk", "svk", "slovakia" },
	{ "sl", "sle", "sierra leone" },
	{ "sm", "smr", "san marino" },
	{ "sn", "sen", "senegal" },
	{ "so", "som", "somalia" },
	{ "sr", "sur", "suriname" },
	{ "ss", "ssd", "south sudan" },
	{ "st", "stp", "sao tome and principe" },
	{ "sv", "slv", "el salvador" },
	{ "sx", "sxm", "sint maarten" },
	{ "sy", "syr", "syria" },
	{ "sz", "swz", "eswatini" },
	{ "tc", "tca", "turks and caicos is" },
	{ "td", "tcd", "chad" },
	{ "tf", "atf", "french southern territories" },
	{ "tg", "tgo", "togo" },
	{ "th", "tha", "thailand" },
	{ "tj", "tjk", "tajikistan" },
	{ "tk", "tkl", "tokelau" },
	{ "tl", "tls", "timor-leste" },
	{ "tm", "tkm", "turkmenistan" },
	{ "tn", "tun", "tunisia" },
	{ "to", "ton", "tonga" },
	{ "tr", "tur", "turkey" },
	{ "tt", "tto", "trinidad and tobago" },
	{ "tv", "tuv", "tuvalu" },
	{ "tw", "twn", "taiwan" },
	{ "tz", "tza", "tanzania" },
	{ "ua", "ukr", "ukraine" },
	{ "ug", "uga", "uganda" },
	{ "um", "umi", "us minor outlying islands" },
	{ "us", "usa", "united states" },
	{ "uy", "ury", "uruguay" },
	{ "uz", "uzb", "uzbekistan" },
	{ "va", "vat", "vatican city" },
	{ "vc", "vct", "saint vincent" },
	{ "ve", "ven", "venezuela" },
	{ "vg", "vgb", "british virgin islands" },
	{ "vi", "vir", "us virgin islands" },
	{ "vn", "vnm", "vietnam" },
	{ "vu", "vut", "vanuatu" },
	{ "wf", "wlf", "wallis and futuna" },
	{ "ws", "wsm", "samoa" },
	{ "ye", "yem", "yemen" },
	{ "yt", "myt", "mayotte" },
	{ "za", "zaf", "south africa" },
	{ "zm", "zmb", "zambia" },
	{ "zw", "zwe", "zimbabwe" },
};

/* Other ways in which the same are written. */
static const struct {
	const char *name, *two;
} aliases[] = {
	{ "uk", "gb" },
	{ "el", "gr" },
	{ "great britain", "gb" },
	{ "england", "gb" },
	{ "scotland", "gb" },
	{ "wales", "gb" },
	{ "northern ireland", "gb" },
	{ "united states of america", "us" },
	{ "america", "us" },
	{ "u.s.a.", "us" },
	{ "u.s.", "us" },
	{ "holland", "nl" },
	{ "the netherlands", "nl" },
	{ "czechia", "cz" },
	{ "korea", "kr" },
	{ "republic of korea", "kr" },
	{ "russian federation", "ru" },
	{ "viet nam", "vn" },
	{ "turkiye", "tr" },
	{ "t\303\274rkiye", "tr" },
	{ "ivory coast", "ci" },
	{ "cote d'ivoire", "ci" },
	{ "macedonia", "mk" },
	{ "swaziland", "sz" },
	{ "burma", "mm" },
	{ "republic of ireland", "ie" },
	{ "uae", "ae" },
	{ "vatican", "va" },
	{ "east timor", "tl" },
	{ "cabo verde", "cv" },
	{ "bosnia", "ba" },
	{ "reunion", "re" },
	{ "curacao", "cw" },
	{ "brunei darussalam", "bn" },
	{ "mainland china", "cn" },
	{ "hongkong", "hk" },
	{ "macao", "mo" },
	{ "palestinian territory", "ps" },
};

/* ISO 4217, in their order. */
static const char currencies[] =
    "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBOVBRLBSD"
    "BTNBWPBYNBZDCADCDFCHECHFCHWCLFCLPCNYCOPCOUCRCCUPCVECZKDJFDKKDOPDZD"
    "EGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHTGHUFIDRILSINRIQD"
    "IRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDL"
    "MGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDOMRPABPEN"
    "PGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTN"
    "SVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUSNUYIUYUUYWUZSVEDVES"
    "VNDVUVWSTXAFXAGXAUXBAXBBXBCXBDXCDXCGXDRXOFXPDXPFXPTXSUXTSXUAXXXYER"
    "ZARZMWZWGZWL";

/* Of the United States, those that the postal service has letters for. */
static const struct {
	char two[3];
	const char *name;
} states[] = {
	{ "al", "alabama" },
	{ "ak", "alaska" },
	{ "az", "arizona" },
	{ "ar", "arkansas" },
	{ "ca", "california" },
	{ "co", "colorado" },
	{ "ct", "connecticut" },
	{ "de", "delaware" },
	{ "dc", "district of columbia" },
	{ "fl", "florida" },
	{ "ga", "georgia" },
	{ "hi", "hawaii" },
	{ "id", "idaho" },
	{ "il", "illinois" },
	{ "in", "indiana" },
	{ "ia", "iowa" },
	{ "ks", "kansas" },
	{ "ky", "kentucky" },
	{ "la", "louisiana" },
	{ "me", "maine" },
	{ "md", "maryland" },
	{ "ma", "massachusetts" },
	{ "mi", "michigan" },
	{ "mn", "minnesota" },
	{ "ms", "mississippi" },
	{ "mo", "missouri" },
	{ "mt", "montana" },
	{ "ne", "nebraska" },
	{ "nv", "nevada" },
	{ "nh", "new hampshire" },
	{ "nj", "new jersey" },
	{ "nm", "new mexico" },
	{ "ny", "new york" },
	{ "nc", "north carolina" },
	{ "nd", "north dakota" },
	{ "oh", "ohio" },
	{ "ok", "oklahoma" },
	{ "or", "oregon" },
	{ "pa", "pennsylvania" },
	{ "ri", "rhode island" },
	{ "sc", "south carolina" },
	{ "sd", "south dakota" },
	{ "tn", "tennessee" },
	{ "tx", "texas" },
	{ "ut", "utah" },
	{ "vt", "vermont" },
	{ "va", "virginia" },
	{ "wa", "washington" },
	{ "wv", "west virginia" },
	{ "wi", "wisconsin" },
	{ "wy", "wyoming" },
	{ "as", "american samoa" },
	{ "gu", "guam" },
	{ "mp", "northern mariana islands" },
	{ "pr", "puerto rico" },
	{ "vi", "virgin islands" },
	{ "dc", "washington dc" },
	{ "vi", "us virgin islands" },
};

static int by_two(const void *key, const void *country)
{
	return memcmp(key, country, 2);
}

const char *codes_country(struct str text)
{
	const char *found = NULL;

	if (text.n == 2)
		found = bsearch(text.s, countries, ARRAY_LEN(countries),
				sizeof *countries, by_two);
	for (size_t i = 0; text.n > 2 && !found && i < ARRAY_LEN(countries);
	     i++)
		if (str_is(text, text.n == 3 ? countries[i].three
					     : countries[i].name))
			found = countries[i].two;
	for (size_t i = 0; !found && i < ARRAY_LEN(aliases); i++)
		if (str_is(text, aliases[i].name))
			found = aliases[i].two;
	return found;
}

bool codes_is_country(struct str text)
{
	char two[2];

	if (text.n != 2)
		return false;
	for (int i = 0; i < 2; i++) {
		if (text.s[i] < 'A' || text.s[i] > 'Z')
			return false;
		two[i] = (char)(text.s[i] | 0x20);
	}
	return bsearch(two, countries, ARRAY_LEN(countries), sizeof *countries,
		       by_two) != NULL;
}

static int by_three(const void *key, const void *currency)
{
	return memcmp(key, currency, 3);
}

bool codes_is_currency(struct str text)
{
	return text.n == 3 &&
	       bsearch(text.s, currencies, (sizeof currencies - 1) / 3, 3,
		       by_three) != NULL;
}

/* Are they the same, but for the name's spaces? */
static bool is_squeezed(struct str text, const char *name)
{
	size_t i = 0;

	for (; *name; name++)
		if (*name != ' ' && (i == text.n || text.s[i++] != *name))
			return false;
	return i == text.n;
}

const char *codes_us_state(struct str text)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_is(text, states[i].two) ||
		    is_squeezed(text, states[i].name))
			return states[i].two;
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * What libcurl needs for SFTP: which host keys are trusted and how we show who
 * we are. An unknown host key is never taken; nobody is asked for anything.
 */
#ifndef RETL_SSH_H
#define RETL_SSH_H

#include "common/buf.h"

/* Empty and NULL: what ssh(1) has in ~/.ssh; an agent and ~/.netrc too. */
struct ssh_opts {
	const char *known_hosts, *key; /* files; the public key is KEY.pub */
	const char *passphrase, *password;
};

/* Is libcurl here one that speaks SFTP? */
bool ssh_built_in(void);

/* easy is a CURL *; it keeps copies. Passwords are registered with msg_hide. */
void ssh_set_up(void *easy, const struct ssh_opts *o);

/*
 * The path of an sftp URL as the server has it: decoded, relative to the home
 * folder if it begins with "/~/". -1: the URL has none.
 */
int ssh_put_path(struct buf *out, const char *url);

#define SSH_UNKNOWN_HOST                                          \
	"the server's host key is not known, or another one is; " \
	"ssh-keyscan shows it, and when it has been checked it "  \
	"goes into ~/.ssh/known_hosts"
#define SSH_REFUSED                                             \
	"the server refuses to let us in (RETL_SFTP_KEY names " \
	"a key, of type ed25519 or ECDSA: RSA keys do not "     \
	"work with today's servers; RETL_SFTP_PASSWORD a "      \
	"password)"

#endif

/* SPDX-License-Identifier: MIT */
/*
 * myfetch PORT SQL: fetches the rows of a MariaDB server and does nothing with
 * them: what the server and its library cost by themselves.
 */
#include "common/msg.h"

#ifdef HAVE_LIBMARIADB
#include <mysql.h>

int main(int argc, char **argv)
{
	MYSQL *conn = mysql_init(NULL);
	MYSQL_RES *r;
	uint64_t n = 0;

	msg_init("myfetch");
	if (argc != 3)
		die(EX_USAGE, "myfetch PORT SQL");
	mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mysql_real_connect(conn, "127.0.0.1", "root", NULL, "test",
				(unsigned)strtoul(argv[1], NULL, 10), NULL,
				0) ||
	    mysql_query(conn, argv[2]))
		die(EX_UNAVAILABLE, "%s", mysql_error(conn));
	r = mysql_use_result(conn);
	while (mysql_fetch_row(r))
		n++;
	printf("%" PRIu64 "\n", n);
	return mysql_errno(conn) != 0;
}
#else
int main(void)
{
	die(EX_UNAVAILABLE, "built without libmariadb");
}
#endif

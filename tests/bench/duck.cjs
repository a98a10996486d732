// SPDX-License-Identifier: MIT
// Runs SQL statements, one an argument, in a DuckDB in memory with two threads.
// The npm package @duckdb/node-api is found through NODE_PATH.
const { DuckDBInstance } = require('@duckdb/node-api');

(async () => {
	const db = await DuckDBInstance.create(':memory:', { threads: '2' });
	const connection = await db.connect();

	for (const sql of process.argv.slice(2))
		await connection.run(sql);
})().catch((e) => {
	console.error(e.message);
	process.exit(1);
});

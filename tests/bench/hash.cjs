// SPDX-License-Identifier: MIT
// What one would write to hash a member: reads records, writes records.
const crypto = require('crypto');
const lines = require('readline').createInterface({ input: process.stdin });

lines.on('line', (line) => {
	const record = JSON.parse(line);

	if (record.email)
		record.email = crypto.createHash('sha256')
			.update(record.email.trim().toLowerCase()).digest('hex');
	process.stdout.write(JSON.stringify(record) + '\n');
});

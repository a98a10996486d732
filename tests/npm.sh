# Servers that only npm has, for tests; source it after lib.sh:
#	. "$top/tests/npm.sh"
# They are kept under build/, so that they are fetched once.
# shellcheck shell=sh

# npm_need NAME VERSION: NODE_PATH has it, or the test is skipped.
npm_need() {
	command -v node >/dev/null || skip_all 'node is missing'
	npm_at=$B/npm/$2/$(echo "$1" | tr '/@' '__')
	if [ ! -d "$npm_at/node_modules/$1" ]; then
		command -v npm >/dev/null || skip_all 'npm is missing'
		mkdir -p "$npm_at.new"
		(cd "$npm_at.new" && timeout 120 npm install --silent \
			--no-audit --no-fund --ignore-scripts "$1@$2" \
			>/dev/null 2>&1) || skip_all "npm does not give $1"
		[ -d "$npm_at" ] || mv "$npm_at.new" "$npm_at"
	fi
	NODE_PATH=$npm_at/node_modules
	export NODE_PATH
}

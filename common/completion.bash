# Completion for the retl tools. What there is to complete comes from the tools
# themselves (--help-options), so this file never falls behind.

_retl()
{
	local cur=$2 letter name arg _
	local -a words=()

	COMPREPLY=()
	if [[ $cur == -* ]]; then
		while IFS=$'\t' read -r letter name arg _; do
			[[ $letter != - ]] && words+=("-$letter")
			[[ $arg == - ]] && words+=("--$name") || words+=("--$name=")
		done < <("$1" --help-options 2>/dev/null)
		mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _retl retl-extract retl-sort retl-diff retl-map retl-hash retl-push

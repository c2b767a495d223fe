/** The shells that completion is written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What asks the program what a command line can be completed to; nobody types it. */
export const COMPLETE_COMMAND = '__complete';

/** Where each shell's script goes, for its first line and the help. */
export const INSTALLATION: Readonly<Record<Shell, string>> = {
  bash: `echo 'eval "$(arpg completion bash)"' >> ~/.bashrc`,
  zsh: `echo 'source <(arpg completion zsh)' >> ~/.zshrc`,
  fish: 'arpg completion fish > ~/.config/fish/completions/arpg.fish',
};

/** The first line of the program's answer says whether words follow or the shell is to complete files. */
const BASH = `_arpg() {
  local line kind='' value
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$kind" ]; then kind=$line; continue; fi
    value=\${line%%$'\\t'*}
    # Inside a quote that is still open, words are what they are.
    case \${COMP_WORDS[COMP_CWORD]} in [\\"\\']*) ;; *) printf -v value '%q' "$value" ;; esac
    COMPREPLY+=("$value")
  done < <("\${COMP_WORDS[0]}" ${COMPLETE_COMMAND} bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # Only where files are meant, the shell goes on with them.
  [ "$kind" = files ] || compopt +o default 2>/dev/null
}
complete -o default -F _arpg arpg
`;

const ZSH = `#compdef arpg
_arpg() {
  local line
  local -a lines values shown
  # What is typed of the last word, without a quote that is still open.
  lines=("\${(@f)$("\${words[1]}" ${COMPLETE_COMMAND} zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  if [[ $lines[1] == files ]]; then
    # Of --flag=file, the file alone.
    [[ $PREFIX == --*=* ]] && compset -P '*='
    _files
    return
  fi
  for line in "\${(@)lines[2,-1]}"; do
    values+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done
  compadd -l -d shown -a values
}
if [[ $funcstack[1] == _arpg ]]; then
  _arpg "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _arpg arpg
fi
`;

const FISH = `function __arpg_complete
  set -l words (commandline -opc)
  # A quote that is still open stands before the word.
  set -l current (string trim -l -c '"\\'' -- (commandline -ct))
  set -l lines ($words[1] ${COMPLETE_COMMAND} fish $words[2..-1] "$current" 2>/dev/null)
  if test "$lines[1]" = files
    # Of --flag=file, the file alone is completed, and stands behind the flag again.
    set -l flag (string match -r -- '^--[^=]+=' $current)
    for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' $current))
      echo "$flag$path"
    end
  else
    printf '%s\\n' $lines[2..-1]
  end
end
complete -c arpg -f -a '(__arpg_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** The script that teaches a shell to complete command lines of the program. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

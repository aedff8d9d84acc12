# Completion of dnn and dnnc for bash. What can be completed is what --help says.

# The options of a help text, each as --name, --name=ARGUMENT or -n.
_dnn_options() {
  sed -nE 's/^ {2,6}((-[A-Za-z], )?--?[A-Za-z-]+(=[^ ]*)?)( .*)?$/\1/p' <<<"$1" | sed 's/, /\n/'
}

# Words for an option's argument, by its name in the help.
_dnn_argument() {
  case $1 in
    WHEN) compgen -W 'auto always never' -- "$2" ;;
    CPU) compgen -W 'x86-64 x86-64-v2 x86-64-v3 x86-64-v4 native' -- "$2" ;;
    STAGE) compgen -W 'ast graph graph@elaborate graph@intern graph@loops graph@simplify
             graph@fission graph@widen graph@turns graph@split loops c dot dot@fuse dot@elaborate dot@intern dot@loops
             dot@simplify dot@fission dot@widen dot@turns dot@split' -- "$2" ;;
    *'|'*) compgen -W "${1//|/ }" -- "$2" ;;
    FOLDER*) compgen -d -- "$2" ;;
    PROGRAM) compgen -c -- "$2" ;;
    FILE | OUTPUT) compgen -f -- "$2" ;;
  esac
}

_dnn() {
  local program=$1 name=${1##*/} at=$COMP_CWORD word=${COMP_WORDS[COMP_CWORD]}
  local command='' before help options option found=''
  COMPREPLY=()
  compopt -o filenames 2>/dev/null
  if [[ $name == dnn ]]; then
    command=${COMP_WORDS[1]}
    if ((at == 1)); then
      found=$("$program" --help | sed -nE 's/^  ([a-z]+)  .*/\1/p')
      mapfile -t COMPREPLY < <(compgen -W "$found --help --version" -- "$word")
      return
    fi
  fi
  help=$("$program" $command --help 2>/dev/null) || return
  options=$(_dnn_options "$help")
  # bash takes --name=word apart into three words, --name= into two
  [[ $word == '=' ]] && word='' && ((at += 1))
  [[ ${COMP_WORDS[at - 1]} == '=' ]] && ((at -= 1))
  before=${COMP_WORDS[at - 1]}
  if [[ $before == -[A-Za-z] ]]; then
    [[ $name == dnnc && $before == -o ]] && found=OUTPUT
    before=$(sed -nE "s/^ *$before, (--[a-z-]+)=.*/\1/p" <<<"$help")
  fi
  while read -r option; do
    [[ -n $before && $option == "$before="* ]] && found=${option#*=}
  done <<<"$options"
  if [[ -n $found ]]; then
    mapfile -t COMPREPLY < <(_dnn_argument "$found" "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(sed 's/=.*/=/' <<<"$options")" -- "$word")
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
  return 0
}
complete -F _dnn dnn dnnc

# Completion of dnn and dnnc for fish. What can be completed is what --help says.

# The options in the help of the command that stands in the line: --name TAB what it does.
function __dnn_options
    set -l words (commandline -opc)
    set -l command $words[1]
    if test (string replace -r '.*/' '' $words[1]) = dnn
        set command $words[1..2]
    end
    $command --help 2>/dev/null | string replace -rf '^ {2,6}(-\w, )?(--?[\w-]+)(=?)\S*(?: [A-Z=]+)? +(.*)' '$2$3\t$4'
end

function __dnn_commands
    set -l words (commandline -opc)
    $words[1] --help | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
end

complete -c dnn -n __fish_use_subcommand -f -a '(__dnn_commands)'
complete -c dnn -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__dnn_options)'
complete -c dnnc -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__dnn_options)'
for program in dnn dnnc
    complete -c $program -l color -x -a 'auto always never'
end
complete -c dnnc -l emit -x -a 'ast graph graph@elaborate graph@intern graph@loops graph@simplify graph@fission graph@widen graph@turns graph@split loops c dot dot@fuse dot@elaborate dot@intern dot@loops dot@simplify dot@fission dot@widen dot@turns dot@split'
complete -c dnnc -l target-cpu -x -a 'x86-64 x86-64-v2 x86-64-v3 x86-64-v4 native'
complete -c dnnc -l real -x -a 'f32 f64'
complete -c dnn -n '__fish_seen_subcommand_from bench profile' -l clock -x -a 'wall cpu'

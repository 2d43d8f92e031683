"""Scripts that the lab's shell and the real one must run alike."""

SCRIPTS = r"""
echo hello world
===
echo "a  b" 'c  d' e\ f "g\"h" 'i"j' "k\\l" "m\n" "\$x"
===
x=5; echo $x ${x} "${x}y" '$x' \$x
===
x='a  b'; echo $x; echo "$x"; set -- $x; echo $#
===
echo ${u-def} ${u:-def2} "${u:-a b}" ${u+set}x; u=; echo ${u-def} ${u:-def2} ${u+set} ${u:+set}x
===
echo ${v:=val} $v; echo ${w=w1} $w
===
x=/a/b/c.tar.gz; echo ${x%.*} ${x%%.*} ${x#*/} ${x##*/} ${#x}
===
x='a*b'; echo "${x%\*b}" "${x#a'*'}" ${x%"*b"}
===
echo ${u?no}; echo not reached
===
echo ${u:?} ; echo not reached
===
set -- a 'b c' d; for i in "$@"; do echo "<$i>"; done; for i in $*; do echo "[$i]"; done; for i; do echo "($i)"; done
===
set -- a 'b c' d; echo "$*" "$#" $1 "$2" ${3}; IFS=-; echo "$*"; x="$*"; echo "$x"
===
set --; for i in "$@"; do echo no; done; echo "x$@y" $#; set -- "$@"; echo $#
===
set -- a b; echo pre"$@"post; shift; echo $1 $#; shift; echo $#
===
set -- 1 2 3 4 5 6 7 8 9 10 11; echo $10 ${10} ${11}
===
false; echo $?; true; echo $?; (exit 7); echo $?; ! true; echo $?; ! false; echo $?
===
true && echo yes || echo no; false && echo yes || echo no; false || false || echo third
===
if true; then echo a; elif true; then echo b; else echo c; fi; if false; then echo a; elif true; then echo b; fi; if false; then :; else echo c; fi
===
if false; then echo x; fi; echo $?
===
i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
===
i=0; until [ $i -ge 3 ]; do echo $i; i=$((i+1)); done
===
for a in 1 2; do for b in x y; do [ $b = y ] && continue 2; echo $a$b; done; done
===
for a in 1 2; do for b in x y; do echo $a$b; break 2; done; done; echo end
===
case abc in a*) echo 1;; b*) echo 2;; esac; case x in a|x) echo ax;; esac; case y in [!y]) echo n;; ?) echo q;; esac
===
case 'a*' in 'a*') echo lit;; esac; p='a*'; case abc in "$p") echo no;; $p) echo yes;; esac
===
case x in (x) echo paren;; esac; case "" in "") echo empty;; esac; case a in b) ;; esac; echo $?
===
case $(echo z) in z) echo z;; *) echo other; esac
===
f() { echo "f $1 $#"; return 3; }; f a b; echo $?
===
f() { local x=1; x=2; echo $x; }; x=0; f; echo $x
===
f() { x=2; }; x=0; f; echo $x; g() ( x=5; echo $x ); g; echo $x
===
f() { [ $1 -le 0 ] && return 0; echo $1; f $(($1-1)); }; f 3
===
x=1 sh -c 'echo $x'; echo "[$x]"
===
x=1; (x=2; echo $x); echo $x; { x=3; }; echo $x
===
echo $(echo a; echo b) "$(echo a; echo b)" `echo c`
===
echo "$(echo "nested $(echo "deep 'q'")")" "`echo \`echo back\``"
===
x=$(printf 'a\n\n\n'); echo "[$x]"
===
echo $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((-7/2)) $((7%3)) $((-7%3)) $((1<<4)) $((5&3|8)) $((5^1)) $((~0))
===
x=5; echo $((x+1)) $(($x*2)) $((x>3)) $((x==5&&x<4)) $((x?1:2)) $((!x)) $((0x1f)) $((010))
===
echo $((x=3)) $x $((x+=4)) $x; y=$((x<5 ? 1 : 2)); echo $y; echo $(( 9223372036854775807 + 1 ))
===
echo $((1/0)); echo not reached
===
printf '%s\n' a b c; printf '%s-%s\n' a b c; printf '%d %5d|%-5d|%05d\n' 1 2 3 4; printf '%x %X %o\n' 255 255 8
===
printf '%b\n' 'a\tb'; printf 'no newline'; printf '\n%%\n'; printf '%s'; printf '\101\n'; printf '%c%c\n' hello w
===
printf '%5s|%-5s|%.2s\n' ab ab abc; printf '%s %s\n' only; printf "%d\n" abc; echo $?
===
echo -n abc; echo; echo 'a\tb\\c'; echo 'x\cy'; echo; echo '\0101'
===
[ a = a ] && [ a != b ] && [ -n x ] && [ -z "" ] && [ 1 -lt 2 ] && [ 2 -ge 2 ] && echo ok
===
[ ! a = b ] && [ a = a -a b = b ] && [ a = b -o b = b ] && [ \( a = a \) ] && test "(" = "(" && echo ok
===
[ 1 -eq x ]; echo $?; [ a = ]; echo $?; [ ]; echo $?; [ "" ]; echo $?; [ -f ]; echo $?; test; echo $?
===
[ -d /tmp ] && echo d; [ -f /tmp ] || echo nf; [ -e /nonexistent ] || echo ne; [ -r /etc/passwd ] && echo r
===
cd /tmp && pwd; cd /; pwd; cd - ; cd /nonexistent; echo $?
===
set -e; false; echo not reached
===
set -e; false || true; if false; then :; fi; ! true; false && true; echo reached
===
set -e; x=$(false); echo not reached
===
set -e; (false); echo not reached
===
set -e; (false || true); { false; } || echo caught; echo end
===
set -e; f() { false; echo in; }; f || echo x; f; echo no
===
set -e; for i in 1 2; do [ $i = 2 ] && echo two; done; echo end
===
set -e; true | false; echo no
===
set -e; false | true; echo yes
===
set -e; while false; do :; done; echo ok; until true; do :; done; eval 'false'; echo no
===
set -u; echo ${x-ok}; echo $x; echo not reached
===
set -u; echo "$@" $#; echo "${1-none}"; echo $1; echo no
===
set -f; echo /et*; set +f; echo /etc/pass[w]d /etc/nonexist*
===
echo "/etc/passw?" /etc/passw? '/etc/p*d' /etc/pass"wd"
===
cat <<E
hello $((1+1)) $(echo sub) \$x "q" 'r' \\ `echo b`
E
===
x=v; cat <<'E'
$x \n $(no)
E
cat <<-E
	tab $x
		two
	E
===
cat <<A; cat <<B
first
A
second
B
echo after
===
while read a b; do echo "[$a][$b]"; done <<E
1 2 3
  lead  trail  
x
E
===
printf 'a\\b c\n' | { read x; echo "$x"; }; printf 'a\\b c\n' | { read -r x; echo "$x"; }
===
printf 'a:b:c\n' | { IFS=: read x y; echo "$x $y"; }; printf 'a b' | { read x; echo $? "$x"; }; read x </dev/null; echo $?
===
printf '  x  \n' | { IFS= read -r l; echo "[$l]"; }; printf 'a::b\n' | { IFS=: read -r x y z; echo "[$x][$y][$z]"; }
===
x=a:b::c; IFS=:; set -- $x; echo $#; for i in $x; do echo "<$i>"; done
===
IFS=' :'; x=' a : b  c:'; set -- $x; echo $#; for i in "$@"; do echo "<$i>"; done
===
IFS=; x='a b'; set -- $x; echo $#; unset IFS; set -- $x; echo $#
===
IFS=,; x=',a,,b,'; for i in $x; do echo "<$i>"; done
===
echo a | cat; echo a b c | { read x y; echo $y; }; echo one | while read l; do echo "got $l"; done
===
(echo out; echo err >&2) 2>&1 | cat; (echo e >&2) 2>/dev/null; echo done
===
{ echo a; echo b; } >/tmp/pvekit-t1; cat /tmp/pvekit-t1; echo c >>/tmp/pvekit-t1; cat </tmp/pvekit-t1; rm /tmp/pvekit-t1
===
exec 3>&1; echo three >&3; exec 3>&-; echo x 2>&1 >/dev/null; echo y >&2 2>/dev/null
===
exec 4</etc/hostname; read h <&4; [ -n "$h" ] && echo read; exec 4<&-
===
rm -f /tmp/pvekit-t2; set -C; echo 1 >/tmp/pvekit-t2; echo 2 >/tmp/pvekit-t2; echo $?; cat /tmp/pvekit-t2; echo 3 >|/tmp/pvekit-t2; cat /tmp/pvekit-t2; rm /tmp/pvekit-t2
===
rm -f /tmp/pvekit-t3; set -C; : >/tmp/pvekit-t3; : >/tmp/pvekit-t3; echo not reached
===
rm -f /tmp/pvekit-t3; : >/tmp/pvekit-t3; set -C; if { echo x >/tmp/pvekit-t3; } 2>/dev/null; then echo won; else echo lost; fi; rm /tmp/pvekit-t3
===
cat /nonexistent-file 2>/dev/null; echo $?; cat </nonexistent; echo $?; echo x >/nonexistent/y; echo $?
===
nonexistentcmd 2>/dev/null; echo $?; /nonexistent/cmd 2>/dev/null; echo $?; /etc/passwd 2>/dev/null; echo $?
===
eval 'x=1; echo $x'; eval echo '$x'; y=x; eval "echo \$$y"
===
command -v echo; command -v nonexistent; echo $?; command echo hi; command -v if
===
type echo >/dev/null && echo found; type nonexistent >/dev/null 2>&1; echo $?
===
trap 'echo bye' EXIT; echo hi
===
trap 'echo bye $?' EXIT; exit 3
===
trap 'echo bye; exit 5' 0; false
===
(trap 'echo sub' EXIT; echo in); echo out; trap 'echo x' EXIT; trap - EXIT; echo end
===
trap 'echo got' TERM; kill -TERM $$; echo after
===
trap 'echo got; exit 4' INT TERM; kill -INT $$; echo not
===
trap '' TERM; kill $$; echo survived
===
sleep 0 & wait $!; echo $?; (exit 4) & wait $!; echo $?; false & wait; echo $?
===
(sleep 0.05; echo late) & echo early; wait
===
x=$(sleep 0 & echo hi); echo $x; wait 99999; echo $?
===
echo $$ >/tmp/pvekit-t4; read p </tmp/pvekit-t4; [ $p = $$ ] && echo same; (echo $$) | { read q; [ $q = $$ ] && echo same2; }; rm /tmp/pvekit-t4
===
set -- -a -b val -c rest; while getopts ab:c o; do echo "$o ${OPTARG-none}"; done; shift $((OPTIND-1)); echo "$@"
===
set -- -abx; while getopts :ab: o; do echo "$o ${OPTARG-none}"; done; set -- -z; OPTIND=1; getopts :a o; echo $o $OPTARG
===
umask; umask 077; umask; (umask 022; umask); umask
===
export A=1; sh -c 'echo $A'; B=2; sh -c 'echo [$B]'; unset A; sh -c 'echo [$A]'
===
readonly R=1; echo $R; R=2; echo not reached
===
x=1; unset x; echo ${x-unset}; f() { echo f; }; f; unset -f f; f 2>/dev/null; echo $?
===
sh -c 'echo "$0" "$@"' name a b; echo 'echo "$0-$1"' | sh -s arg; sh -c 'exit 9'; echo $?
===
sh -c 'echo $#' x; sh -ec 'false; echo no'; echo $?; sh -u -c 'echo $nope'; echo $?
===
echo a; exit 3; echo b
===
echo a # comment
# another
echo b#c '#d' # e
===
echo a \
  b; echo "c \
d"
===
echo ~ | grep -c /; x=~; [ "$x" = "$HOME" ] && echo home; echo "~" '~' a~; x=a:~; [ "$x" = "a:$HOME" ] && echo colon
===
if true; then
  echo multi
fi
for i in 1 2
do
  echo $i
done
===
echo one; if; echo two
===
echo one
echo two; )
===
echo 'unterminated
===
echo start
echo "unterminated
===
for i in 1 2; do echo $i
===
echo a;; echo b
===
{ echo a; }; ( echo b ); echo c
===
! false && echo neg; ! true || echo neg2
===
x="a b" y=$x; echo "$y"; x=1 y=$x; echo $y
===
echo "${x:-"quoted inner"}" "${x:-'single'}" ${x:-'single q'} ${x:-"a  b"}
===
x="1 2"; echo ${x:+"$x"} ${y:-$x} "${y:-$x}"; set -- ${y:-$x}; echo $#
===
set -- ${u:-a "b c"}; echo $#; for i; do echo "<$i>"; done
===
echo ${x:-a\}b} "${x:-a}b}" ${x:-$(echo sub)} ${x:-$((2+3))} ${x:-${y:-deep}}
===
a=1; b=2; echo $a$b "$a"$b '$a'"$b" ${a}x${b}
===
echo "*" '?' \* "[a]"; x='*'; cd /nonexistent 2>/dev/null; echo "$x"
===
echo $(( 1 + 2 )) $(( $(echo 3) + 1 )) "$((4+4))"
===
echo $(cat <<E
in heredoc
E
)
===
f() { cat; }; echo piped | f; f <<E
doc
E
===
while :; do echo loop; break; done; while true; do false || break; done; echo $?
===
f() { return; }; false; f; echo $?; g() { true; }; false; g; echo $?
===
f() { exit 6; }; (f); echo $?; f; echo no
===
echo $(false); echo $?; x=$(exit 3); echo $?; x=$(exit 3) true; echo $?
===
break; echo $?; continue; echo after
===
shift 5; echo not reached
===
. /nonexistent; echo not reached
===
printf 'echo sourced $1; y=7\n' >/tmp/pvekit-t5; . /tmp/pvekit-t5; echo $y; rm /tmp/pvekit-t5
===
cd /tmp; rm -rf pvekit-d; mkdir pvekit-d; cd pvekit-d; touch b a .h 'c d'; echo *; echo .h*; for f in *; do echo "<$f>"; done; echo */; cd ..; echo pvekit-d/[ab]; rm -r pvekit-d
===
exec echo replaced; echo no
===
exec nonexistentcmd; echo no
===
(exec true; echo no); echo yes
===
true > /dev/null 2>&1 && echo ok; echo x > /dev/stdout; echo y | cat /dev/stdin
===
test -t 0 || echo notty; [ -s /etc/passwd ] && echo nonempty; [ -x /bin/sh ] && echo exec
===
yes 2>/dev/null | head -n 2; while :; do echo y; done | head -n 1
===
set -- a b c; case $# in 3) echo three;; esac; echo "${#}" ${#1}
===
set -x; echo traced; x=1; set +x; echo done
===
set -a; Q=5; sh -c 'echo $Q'; set +a; echo $-
===
x='$(echo no) `no` $y'; echo "$x"; eval "z='$x'"; echo "$z"
===
x=abc; x=$x$x; echo $x; x="$x"'d'; echo $x; x=; echo "[$x]"
===
LC_ALL=C sort <<E | uniq
b
a
b
E
===
echo a >&2 | cat; { echo b >&2; } 2>&1; echo c 1>&2 2>/dev/null
===
f() { echo "$@" >&3; } ; f x y 3>&1; { f z; } 3>&1
===
echo 1 2>/dev/null 3>&1; echo a2>/dev/null; echo 2 >/dev/null; echo x2
===
kill -0 $$ && echo alive; kill -0 999999 2>/dev/null || echo dead
===
v=1; { v=2; } | cat; echo $v; echo x | { read v; echo $v; }; echo $v; v=5 | true; echo $v
===
exit 300
===
exit
===
false; exit
===
sh -c 'kill -9 $$'; echo $?; sh -c 'kill -TERM $$; echo no'; echo $?
===
a='x y'; set -- "$a" $a; echo $#; b="$@"; echo "$b"; c=$*; echo "$c"
===
wait; echo $?; : & p=$!; wait $p; echo $?; [ -n "$p" ] && echo pid
===
if ( exit 1 ) then echo y; else echo n; fi; { true; } && ( true ) && echo chain
===
echo if then else fi do done; echo { } ; echo !
===
case if in if) echo kw;; esac; for if in 1; do echo $if; done
===
i=0; while [ $((i=i+1)) -le 200 ]; do :; done; echo $i
===
set -- "a b" c; for x in "$@" "d"; do printf '<%s>' "$x"; done; echo; printf '[%s]' "$@"; echo; printf '[%s]' "pre $* post"; echo
===
x=file.txt; case $x in *.txt|*.md) echo text;; *) echo other;; esac; case [a] in "[a]") echo br;; esac; case a in [[:alpha:]]) echo al;; esac
===
x=aaa; echo ${x#a} ${x##a*} ${x%a*} ${x%%a*} "${x#"a"}" ${x#b}
===
d=/x/y; case "$d/" in /x/*) echo under;; esac; echo "${d##*/}" "${d%/*}"
""".strip("\n").split("\n===\n")

# ruff: noqa: W291
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
mkdir pvekit-d; cd pvekit-d; touch b a .h 'c d'; echo *; echo .h*; for f in *; do echo "<$f>"; done; echo */; cd ..; echo pvekit-d/[ab]; rm -r pvekit-d
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
===
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fact() { printf 'fact %s %s\n' "$1" "$2"; }
fact host x
for f in "$dir"/*; do
  [ -e "$f" ] || continue
  echo "$f"
done
if ! command -v nonexistent >/dev/null 2>&1; then fact missing nonexistent; fi
n=0
while [ "$n" -lt 3 ]; do n=$((n + 1)); done
fact n "$n"
case ${1:-} in '') fact none 1 ;; *) fact some "$1" ;; esac
{ echo a; echo b >&2; } 2>/dev/null | while IFS= read -r line; do fact line "$line"; done
===
f() {
  cat <<E
in $1
E
  for i in 1 2; do
    cat <<-'X'
	raw $i
	X
  done
}
f a
===
a=1 b=2; (a=3; echo $a$b); echo "$a$b"; { a=5; }; echo $a
===
exec 3>/tmp/pvekit-t9; echo x >&3; (echo y >&3); exec 3>&-; cat /tmp/pvekit-t9; rm /tmp/pvekit-t9
===
echo "a
b" | while read -r l; do echo "[$l]"; done; echo "${x:-
multi}"
===
x=$(cat <<'E'
it's "quoted" $x `no`
E
); echo "$x"
===
if [ -d /tmp ] && { [ -f /etc/passwd ] || false; }; then echo yes; fi; if ! grep -q '^root:' /etc/passwd; then echo no; fi
===
printf '%s\n' "$(printf 'a\\nb')" 'c\nd'; printf "%s %s\n" "$@" end
===
set -- one two; f() { echo "$# $*"; set -- x; echo "$*"; }; f a b c; echo "$# $*"
===
( set -e; false; echo no ); echo "after $?"; sh -c 'set -e; f() { false; }; f; echo no' || echo "st $?"
===
set -e; x=$(echo a; false; echo b) || echo "st $?"; echo "$x"; if x=$(false); then :; else echo "else $?"; fi
===
set -e; f() { echo in; return 1; }; if f; then :; fi; f && echo; f || echo or; ! f; echo end; f; echo no
===
set -e; { false; echo grp; } && echo x; echo y
===
set -e; trap 'echo trap $?' EXIT; false
===
set -eu; trap 'echo bye' EXIT; : "${nope?missing arg}"; echo no
===
trap 'echo t1' EXIT; trap 'echo t2' EXIT; (exit 2); echo $?; sh -c 'trap "echo inner" EXIT; exit 1'; echo $?
===
echo $((010 + 0x10)) $((1 ? 2 : 3)) $((-5 % 3)) $((2 ** 3)) end
===
echo $((x++))
===
a=5; echo $((a)) $((a<<2)) $((a-=2)) $((a*=3)) $a $(( a > 3 && a < 20 ))
===
i=5; while i=$((i-1)); [ $i -gt 0 ]; do case $i in 3) continue;; 1) break;; esac; echo $i; done
===
for i in a b c; do (exit 1) || continue; echo never; done; for i in; do echo never; done; echo $?
===
echo a | { read x; echo "$x" | { read y; echo "<$y>"; }; }
===
f() { while read -r a; do echo "$a" | tr a-z A-Z; done; }; printf 'x\ny\n' | f
===
(echo a; exit 3) | cat; echo $?; true | (exit 4); echo $?; ! (exit 4) | true; echo $?
===
kill -TERM $$ & wait; echo alive
===
sh -c 'trap "echo usr; exit 3" USR1; kill -USR1 $$; sleep 1; echo no'; echo $?
===
sleep 5 & p=$!; kill $p; wait $p; echo $?; sleep 5 & kill -9 $!; wait $!; echo $?
===
(trap 'echo term; exit 9' TERM; sleep 0.3; echo no) & p=$!; sleep 0.1; kill $p; wait $p; echo $?
===
(trap 'echo got' TERM; sleep 5 & wait $!; echo woke $?; kill $!) & p=$!; sleep 0.1; kill $p; wait $p; echo $?
===
mkdir /tmp/pvekit-l && echo locked; mkdir /tmp/pvekit-l 2>/dev/null || echo held; rmdir /tmp/pvekit-l
===
cat <<E | { while read l; do echo "got $l"; done; }
1
2
E
===
x="a b  c"; for w in $x; do printf '%s,' "$w"; done; echo; for w in "$x"; do printf '%s,' "$w"; done; echo
===
x='*.nomatch'; echo $x "$x"; x='/etc/hos*me'; echo $x "$x"; for f in /etc/hostnam?; do echo "$f"; done
===
y="$(printf 'l1\nl2')"; printf '%s|' $y; printf '%s|' "$y"; echo; IFS='
'; printf '%s|' $y; echo
===
a='x'; eval "b_$a=5"; eval echo \$b_$a; eval 'echo "${'"b_$a"'}"'
===
unset v; echo "${v-a}${v:-b}${v+c}${v:+d}"; v=; echo "${v-a}${v:-b}${v+c}${v:+d}"; v=1; echo "${v-a}${v:-b}${v+c}${v:+d}"
===
p=/a/b/c/; echo "${p%/}" "${p%%/*}" "${p#/}" "${p##*/}" "${p%/*/}"; v=v1.2.3-rc1; echo ${v#v} ${v%%-*} ${v##*.}
===
echo "$(cd /tmp && pwd)"; (cd /; pwd); pwd >/dev/null; cd /tmp; cd ../etc; pwd; cd; [ "$PWD" = "$HOME" ] && echo home
===
echo a >/tmp/pvekit-ap; { echo b; echo c; } >>/tmp/pvekit-ap; while read -r l; do echo "-$l"; done </tmp/pvekit-ap; wc -l </tmp/pvekit-ap; rm -f /tmp/pvekit-ap
===
f() ( exit 3 ); f; echo $?; f() if true; then echo iff; fi; f; g() for i in 1 2; do echo $i; done; g
===
echo x; return 3; echo no
===
sh -c 'echo $1' name "a b"; sh -c 'printf "<%s>" "$@"' name "a b" "" c; echo; echo 'exit 7' | sh; echo $?; sh -s x y <<'E'
echo "$# $2"
E
===
command -v sh cat nonexist; echo $?; command -v cd; command nonexist; echo $?; type cd
===
true; echo "$?$(false)$?"; false; echo "$?"; x=$?; echo $x
===
echo 'a'"b"c\d"$(echo e)"`echo f`$((7)); echo "\a\$\`\"\\"; echo '\a\'; echo "a'b" 'a"b'
===
: ${d:=def}; echo $d; : "${e:=x y}"; echo "$e"; set -- ${e}; echo $#
===
test -n "$HOME" -a -d / && echo and; [ "a" \< "b" ] && echo lt; [ -z "$nope" ] && echo z; [ 10 -gt 9 ] && echo num; [ "!" = "!" ] && echo bang; [ -n = ] && echo eq
===
umask 022; rm -f /tmp/pvekit-um; (umask 077; echo >/tmp/pvekit-um); stat -c %a /tmp/pvekit-um; rm /tmp/pvekit-um
===
exec 2>/dev/null; nonexistent; echo $?; ls /nonexist; echo done
===
exec >/tmp/pvekit-ex; echo into; exec >&2; cat /tmp/pvekit-ex; rm /tmp/pvekit-ex
===
echo {a,b} [x] ~nouser $'x'
===
a=b=c; echo $a; export P=1 Q='x y'; echo "$P $Q"; readonly Z; export -p | grep -c "Q="
===
case "a b" in "a b") echo m;; esac; case ab in a"b") echo m2;; esac; x='a|b'; case a in $x) echo no;; *) echo yes;; esac; case '\' in '\') echo bs;; esac; case 'a]' in [a]']') echo br;; esac
===
read a b c <<E
1 2   3  4  
E
echo "[$a][$b][$c]"; read -r x <<'E'
a\tb
E
echo "$x"; IFS=, read -r p q <<E
a,b,c
E
echo "$p $q"; echo "[$IFS]"
===
x=5 y=$((x+1)); echo $y; x=$(echo 1) y=$(echo 2$x); echo $y
===
f() { local a=1 b; b=2; g; }; g() { echo "$a$b"; a=9; }; a=o; f; echo $a
===
if :; then :; fi; for i in 1; do :; done; echo $?; case x in y) false;; esac; echo $?
===
echo a && ! echo b || echo c; false || ! false && echo d; true && false; echo $?
===
echo $- | tr -d '\n'; set -f; case $- in *f*) echo f;; esac; set +f -u; case $- in *u*) echo u;; esac; set -o noclobber; case $- in *C*) echo C;; esac
===
foo() { echo foo; }
bar() { foo; }; bar; unset -f foo; bar 2>/dev/null || echo gone
===
a=''; [ -n $a ] && echo odd; [ -n "$a" ] || echo fine; [ $a = x ] 2>/dev/null; echo $?
===
echo one; echo two >&- ; echo $?; cat <&- 2>/dev/null; echo $?
===
echo "${HOME:+set}" "${#HOME}" | grep -c set; x=ü; echo ${#x}; echo "$x"
===
set -- -n x; echo "$@"; echo -- a; echo -e b; printf -- '-%s\n' c
===
wait nonsense 2>/dev/null; echo $?
===
x=1
if [ $x -eq 1 ] # comment
then # comment
  echo one # c
fi
===
echo a;echo b&wait;echo c
===
echo $(echo a \
b) `echo c \
d`
===
x='a
b'; echo $x; echo "$x"; set -- $x; echo $#
===
printf '%3d|%-3d|%03d|%x|%o|%s|%5.2f\n' 5 5 5 255 8 str 3.14159; printf '%s\n' 'a%b' ; printf '%d\n' 0x1f 010 "'A"
===
>/tmp/pvekit-e; [ -s /tmp/pvekit-e ] || echo empty; rm /tmp/pvekit-e; < /etc/passwd; echo $?; x=1 >/nonexistent/y; echo $? $x
===
echo start; . /dev/null; echo $?; eval; echo $?; eval ""; echo $?; false; eval ":"; echo $?
===
f() { shift; echo "$@"; }; f a b c; set -- a b c; shift 2; echo "$@"; shift; echo "$#"
===
for f in a b; do echo $f; done | while read x; do echo "<$x>"; done | cat -u | tail -1
===
((1+1)) 2>/dev/null; echo $?; [[ a = a ]] 2>/dev/null; echo $?
===
echo `echo "a b"` "`echo "c  d"`" `echo \$HOME | grep -c HOME`
===
echo ${#} ${#@} "${#*}" ${1-none}; set -- x; echo ${1:+has} ${2:+has2}
""".strip("\n").split("\n===\n")

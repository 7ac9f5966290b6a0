# Courier's POP3 and IMAP in the foreground: courier.sh ADDRESS POP3-PORT IMAP-PORT LOG
#
# Runs as root in Courier's own root (see courier.py), as its init scripts would run it in the background.
# Its settings name variables that are not set: no `set -u`.
set -e

set -a
. /etc/courier/authdaemonrc
/usr/lib/courier/courier-authlib/authdaemond &
# Those who log in before its socket is there are refused.
until [ -S /run/courier/authdaemon/socket ]; do sleep 0.02; done

serve() {
    exec /usr/sbin/couriertcpd -address="$address" -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup -stderr="$log" "$@"
}

address=$1
log=$4
programs=/usr/lib/courier/courier
(
    . /etc/courier/pop3d-ssl
    . /etc/courier/pop3d
    serve "$2" $programs/courierpop3login $programs/courierpop3d Maildir
) &
(
    . /etc/courier/imapd-ssl
    . /etc/courier/imapd
    serve "$3" $programs/imaplogin /usr/bin/imapd Maildir
) &
wait

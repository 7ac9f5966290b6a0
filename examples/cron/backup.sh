#!/bin/sh
# A job of cron. What it prints is mailed to MAILTO by sendmail; a job that prints nothing sends nothing.
#
#   MAILTO=ada@example.org
#   0 3 * * *  /opt/backup.sh
echo "3 folders saved: /etc, /home, /var/lib"
echo "No room for /srv: 12 GB are missing." >&2

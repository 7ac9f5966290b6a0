#!/bin/sh
# Run a command in a root where some packages are installed: own_root.sh FOLDER PACKAGES COMMAND…
#
# Called below `unshare --mount`, by root: every mount below is private and ends with the command.
set -eu

folder=$1
packages=$2
shift 2

root=$folder/root
layers=$folder/layers
mkdir "$layers"
mount -t tmpfs -o mode=755 tmpfs "$layers"
mkdir "$layers/upper" "$layers/work"
cp -a "$packages/." "$layers/upper"
# Folders of a package may be private to who unpacked it.
chmod 755 "$layers/upper"
mkdir -p "$layers/upper/etc" "$layers/upper/tmp"
cp "$folder/passwd" "$folder/group" "$layers/upper/etc"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
# Not what is mounted below it: that would be this root once more.
mount --bind /tmp "$root/tmp"
chroot "$root" /bin/sh -eu "$folder/setup"
exec chroot "$root" "$@"

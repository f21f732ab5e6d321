#!/bin/sh
# Makes the local image campaign-store-mongod:test out of a mongod of this machine, for a
# Docker engine that reaches no registry. Usage: build-image.sh PATH-OF-MONGOD
# The tests use it with MONGODB_TEST_IMAGE=campaign-store-mongod:test.
set -eu

mongod=${1:?usage: build-image.sh PATH-OF-MONGOD}
image=campaign-store-mongod:test

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/lib" "$root/data/db"
mkdir -m 1777 "$root/tmp"
cp "$mongod" "$root/bin/mongod"
chmod 755 "$root" "$root/bin/mongod"

# ldd prints "NAME => PATH (ADDRESS)" for a library, and "PATH (ADDRESS)" for the dynamic
# loader, which must keep its path; all else is found through LD_LIBRARY_PATH.
ldd "$mongod" | awk '$2 == "=>" { print $3 }' | while read -r library; do
    cp -L "$library" "$root/lib/"
done
loader=$(ldd "$mongod" | awk '$1 ~ /^\// && $2 != "=>" { print $1 }')
mkdir -p "$root$(dirname "$loader")"
cp -L "$loader" "$root$loader"

tar -C "$root" -c . | docker import \
    --change 'ENV PATH=/bin LD_LIBRARY_PATH=/lib' \
    --change 'EXPOSE 27017' \
    --change 'CMD ["mongod", "--bind_ip_all"]' \
    - "$image" >/dev/null
echo "$image"

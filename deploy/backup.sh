#!/bin/sh
# Backup of an installation with SQLite and files: deploy/backup.sh TARGET, while everything runs.
# The database comes first and the bytes after it: bytes are never changed, so all that the copy names is there.
# Keys go into a file of their own: who has database and keys has every mailbox password. Keep them apart.
# VAR_DIR/outbox-mark stays out: by it a restored database is noticed, and its outbox is held instead of sent again.
# With PostgreSQL: pg_dump first, then the same copy of the blobs. With S3: versioning of the bucket.
set -eu
target=${1:?usage: backup.sh TARGET}
var_dir=${VAR_DIR:-var}
umask 077
mkdir -p "$target/blobs"
python3 - "$var_dir/pillarbox.sqlite3" "$target/pillarbox.sqlite3.new" <<'PYTHON'
import sqlite3, sys
source, target = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True), sqlite3.connect(sys.argv[2])
with target:
    source.backup(target, pages=1000)
PYTHON
mv "$target/pillarbox.sqlite3.new" "$target/pillarbox.sqlite3"
# The last pack still grows; a second run copies the rest.
cp -Rpu "$var_dir/blobs/." "$target/blobs/"
if [ -f "$var_dir/environment" ]; then cp -p "$var_dir/environment" "$target/environment.secret"; fi
echo "Saved to $target. Try it: VAR_DIR=<copy> python manage.py check_store --blobs"

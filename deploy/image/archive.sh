# Sourced by deploy/image/build and deploy/image/test: reads an archive as `docker save` and its likes write it.
# shellcheck shell=bash

# The most that the image may hold, unpacked.
largest=60000000

# layers ARCHIVE: the names of its layers inside, lowest first.
layers() { tar --extract --to-stdout --file "$1" manifest.json | jq -r '.[0].Layers[]'; }

# layer ARCHIVE NAME: its tar; some engines compress it.
layer() { tar --extract --to-stdout --file "$1" "$2" | gzip --decompress --stdout --force; }

# config ARCHIVE FILTER: something of the image's configuration.
config() {
    local name
    name=$(tar --extract --to-stdout --file "$1" manifest.json | jq -r '.[0].Config')
    tar --extract --to-stdout --file "$1" "$name" | jq -r "$2"
}

# size ARCHIVE: bytes of all layers.
size() {
    local name sum=0
    for name in $(layers "$1"); do sum=$((sum + $(layer "$1" "$name" | wc -c))); done
    echo "$sum"
}

megabytes() { printf '%d.%d MB' $(($1 / 1000000)) $(($1 % 1000000 / 100000)); }

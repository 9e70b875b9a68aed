"""What the archive of an image holds, as `docker save` and its likes write it; run with an archive, it says how large the image is."""

import gzip
import io
import json
import sys
import tarfile

# The most that the image may hold, unpacked.
LARGEST = 60_000_000


class Archive:
    """What the image holds, without an engine."""

    def __init__(self, path):
        with tarfile.open(path) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            self.name = manifest["RepoTags"][0]
            self.config = json.load(archive.extractfile(manifest["Config"]))["config"]
            self.files, self.content, self.sizes = {}, {}, []
            for name in manifest["Layers"]:
                layer = archive.extractfile(name).read()
                layer = gzip.decompress(layer) if layer[:2] == b"\x1f\x8b" else layer
                self.sizes.append(len(layer))
                with tarfile.open(fileobj=io.BytesIO(layer)) as files:
                    for file in files:
                        path = file.name.removeprefix("./").rstrip("/")
                        self.files[path] = file
                        if file.isfile() and file.size < 1_000_000:
                            self.content[path] = files.extractfile(file).read()

    def size(self):
        return sum(self.sizes)

    def says(self):
        layers = " + ".join(f"{size / 1e6:.1f}" for size in self.sizes)
        return f"{self.size() / 1e6:.1f} MB ({layers}) of at most {LARGEST / 1e6:.0f} MB"


if __name__ == "__main__":
    image = Archive(sys.argv[1])
    print(f"{image.name}: {image.says()}")
    if image.size() > LARGEST:
        print("warning: the image is larger than it may be; one of a debug build is")

/* A failing disk, for tests: loaded before libc it fails writes to the journal while the file `full` exists in the
   folder $BAD_DISK, and fsync while `forgets` exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int bad(int fd, const char *what) {
    char link[64], target[4096], flag[4096];
    const char *folder = getenv("BAD_DISK");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (!folder || length < 0) return 0;
    target[length] = 0;
    snprintf(flag, sizeof flag, "%s/%s", folder, what);
    return strstr(target, "journal.db") && access(flag, F_OK) == 0;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (bad(fd, "full")) { errno = ENOSPC; return -1; }
    return NEXT(ssize_t (*)(int, const void *, size_t, off64_t), "pwrite64")(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
    if (bad(fd, "full")) { errno = ENOSPC; return -1; }
    return NEXT(ssize_t (*)(int, const void *, size_t), "write")(fd, data, size);
}

int fsync(int fd) {
    if (bad(fd, "forgets")) { errno = EIO; return -1; }
    return NEXT(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd) {
    if (bad(fd, "forgets")) { errno = EIO; return -1; }
    return NEXT(int (*)(int), "fdatasync")(fd);
}

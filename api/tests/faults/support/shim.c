/* Stands before the C library in the server's process and breaks the disk at one call, counted over all files whose
 * path contains SHIM_FILE, from the moment that the file SHIM_ARM exists.
 *
 *   SHIM_FAULT=sync:N   the N-th fsync or fdatasync says EIO, and whether it reached the disk is unknown
 *   SHIM_FAULT=slow:N   every fsync and fdatasync takes N milliseconds longer
 *   SHIM_FAULT=torn:N   the N-th pwrite writes half of its bytes and the process is gone
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long syncs_count;
static atomic_long writes_count;

static long nth(const char *kind) {
    const char *fault = getenv("SHIM_FAULT");
    size_t length = strlen(kind);
    if (fault == NULL || strncmp(fault, kind, length) != 0 || fault[length] != ':') return 0;
    return atol(fault + length + 1);
}

static int is_meant(int fd) {
    const char *file = getenv("SHIM_FILE");
    const char *arm = getenv("SHIM_ARM");
    char link[64], path[4096];
    if (file == NULL || arm == NULL || access(arm, F_OK) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, file) != NULL;
}

static int sync_fails(int fd) {
    long at = nth("sync");
    long slow_ms = nth("slow");
    if (slow_ms > 0 && is_meant(fd)) usleep((useconds_t)slow_ms * 1000);
    return at > 0 && is_meant(fd) && atomic_fetch_add(&syncs_count, 1) + 1 == at;
}

int fsync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
    if (sync_fails(fd)) { errno = EIO; return -1; }
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
    if (sync_fails(fd)) { errno = EIO; return -1; }
    return real(fd);
}

static void maybe_tear(int fd, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
    long torn_at = nth("torn");
    if (torn_at > 0 && is_meant(fd) && atomic_fetch_add(&writes_count, 1) + 1 == torn_at) {
        real(fd, bytes, count / 2, at);
        _exit(97);
    }
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite");
    maybe_tear(fd, bytes, count, at);
    return real(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
    maybe_tear(fd, bytes, count, at);
    return real(fd, bytes, count, at);
}

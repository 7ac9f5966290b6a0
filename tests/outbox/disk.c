/*
 * What a program does to the files of one folder, written down in the order in which it happens; preloaded by disk.py.
 *
 * Environment: COURRIEL_DISK_FOLDER, the folder (ends in /); COURRIEL_DISK_LOG, where it is written down.
 * A record: kind (W write, T truncate, S sync, of the folder itself too, D delete), then length of the path, offset, length of the data
 * (8 octets each, native), the path, the data.
 *
 * fail_after('w' or 's', errno, count) lets so many writes or syncs of that folder pass and every later one fail, until
 * fail_never(), which says how many have failed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_write)(int, const void *, size_t);
static int log_file = -1;
static const char *folder;
static char failing;
static int failing_with, passing, failed;

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("COURRIEL_DISK_LOG");
    real_write = dlsym(RTLD_NEXT, "write");
    folder = getenv("COURRIEL_DISK_FOLDER");
    if (log && folder)
        log_file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void fail_after(char kind, int error, int count)
{
    pthread_mutex_lock(&turn);
    failing = kind, failing_with = error, passing = count, failed = 0;
    pthread_mutex_unlock(&turn);
}

int fail_never(void)
{
    pthread_mutex_lock(&turn);
    failing = 0;
    pthread_mutex_unlock(&turn);
    return failed;
}

static int fails(char kind)
{
    if (failing != kind || passing-- > 0)
        return 0;
    failed++;
    errno = failing_with;
    return 1;
}

/* Whether a file is one of the folder's; its path is put into `path`. */
static int is_ours(int file, char path[4096])
{
    char link[64];
    ssize_t length;
    int before = errno;

    if (log_file < 0 || file == log_file)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, 4095);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder) - 1) != 0)
        return 0;
    return path[strlen(folder) - 1] == '/' || path[strlen(folder) - 1] == 0; /* the folder itself: it may be synced */
}

static void put(const void *data, size_t size)
{
    const char *next = data;

    while (size) {
        ssize_t done = real_write(log_file, next, size);
        if (done < 0)
            abort();
        next += done, size -= (size_t)done;
    }
}

static void note(char kind, const char *path, int64_t offset, const void *data, int64_t size)
{
    int64_t numbers[3] = {(int64_t)strlen(path), offset, size};

    put(&kind, 1);
    put(numbers, sizeof numbers);
    put(path, (size_t)numbers[0]);
    if (data)
        put(data, (size_t)size);
}

static ssize_t written(ssize_t (*real)(int, const void *, size_t, off64_t), int file, const void *data, size_t size,
                       off64_t offset)
{
    char path[4096];
    ssize_t done = -1;

    if (!is_ours(file, path))
        return real(file, data, size, offset);
    pthread_mutex_lock(&turn);
    if (!fails('w')) {
        done = real(file, data, size, offset);
        if (done > 0)
            note('W', path, offset, data, done);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    return written((ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"), file, data, size, offset);
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset)
{
    return written((ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"), file, data, size, offset);
}

ssize_t write(int file, const void *data, size_t size)
{
    char path[4096];
    ssize_t done = -1;

    if (!real_write)
        real_write = dlsym(RTLD_NEXT, "write");
    if (!is_ours(file, path))
        return real_write(file, data, size);
    pthread_mutex_lock(&turn);
    if (!fails('w')) {
        off64_t offset = lseek64(file, 0, SEEK_CUR);
        done = real_write(file, data, size);
        if (done > 0)
            note('W', path, offset, data, done);
    }
    pthread_mutex_unlock(&turn);
    return done;
}

static int truncated(int file, off64_t size)
{
    char path[4096];
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    int result;

    if (!is_ours(file, path))
        return real(file, size);
    pthread_mutex_lock(&turn);
    result = real(file, size);
    if (result == 0)
        note('T', path, size, NULL, 0);
    pthread_mutex_unlock(&turn);
    return result;
}

int ftruncate(int file, off_t size) { return truncated(file, size); }
int ftruncate64(int file, off64_t size) { return truncated(file, size); }

/* The disk of the test need not turn for it: what counts is the order. */
static int synced(int file)
{
    char path[4096];
    int result = 0;

    if (!is_ours(file, path)) {
        int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
        return real(file);
    }
    pthread_mutex_lock(&turn);
    if (fails('s'))
        result = -1;
    else
        note('S', path, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return result;
}

int fsync(int file) { return synced(file); }
int fdatasync(int file) { return synced(file); }

int unlink(const char *path)
{
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    int result, before = log_file >= 0 && strncmp(path, folder, strlen(folder)) == 0;

    if (!before)
        return real(path);
    pthread_mutex_lock(&turn);
    result = real(path);
    if (result == 0)
        note('D', path, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return result;
}

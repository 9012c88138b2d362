/*
 * Makes system calls fail, lie or kill, and moves the clock: loaded into the program under test with LD_PRELOAD.
 *
 * The test and the program share one file, named by CARTOGRAPH_FAULTS and mapped by both. The test writes rules into it
 * while the program runs; the shim counts the calls that match a rule and acts on the n-th. It writes back how many it
 * saw and how often it acted, so that a test can insist that its fault was really injected.
 *
 * The layout is repeated in faults.py. Little-endian, x86_64 Linux with glibc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x43544631, RULES = 16, PATH_BYTES = 256, KINDS = 16, PATH_LONGEST = 4096 };

/* Kinds of calls; a rule names them by a mask of bits. */
enum kind { OPEN, WRITE, SYNC, TRUNCATE, RENAME, MKDIR, UNLINK, ALLOCATE, READ, LINK };

enum action {
    NOTHING,
    FAIL,          /* do nothing, return an error */
    SHORT,         /* write no more than `bytes`, return how many that were */
    LIE,           /* do nothing, return success */
    KILL_BEFORE,   /* end the process before the call */
    KILL_AFTER,    /* end the process after the call */
    SHORT_KILL,    /* write no more than `bytes`, then end the process */
    FAIL_AFTER,    /* do it, and return an error all the same */
    COUNT_ONLY,    /* count, and act never */
};

struct rule {
    uint32_t armed;
    uint32_t kinds;
    uint32_t action;
    int32_t error;
    uint64_t nth;          /* the first call acted on; 1 is the next that matches */
    uint64_t times;        /* how many calls in a row are acted on; 0 for all that follow */
    uint64_t bytes;
    uint64_t flags;        /* of open: all of these bits have to be set */
    uint64_t seen;
    uint64_t fired;
    uint32_t fired_kind;
    uint32_t unused;
    char path[PATH_BYTES]; /* a part of the file's path */
    char fired_path[PATH_BYTES];
};

struct control {
    uint32_t magic;
    uint32_t loaded;       /* processes that loaded the shim with this file */
    int64_t clock_offset;  /* microseconds added to the time of day */
    uint64_t clock_reads;  /* reads of the time of day that were moved */
    int64_t wait_jump;     /* microseconds by which the clock is moved as soon as somebody has begun a short wait */
    uint64_t cache_losses; /* entries that could not be written to the journal below: has to stay 0 */
    char cache_path[PATH_BYTES];    /* writes to files whose path has this part are noted with what they replace … */
    char cache_journal[PATH_BYTES]; /* … in this file, until they are synced */
    struct rule rules[RULES];
};

static struct control *control;
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("CARTOGRAPH_FAULTS");
    if (path == NULL) return;
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (descriptor < 0) return;
    void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (shared == MAP_FAILED || ((struct control *)shared)->magic != MAGIC) return;
    control = shared;
    __atomic_add_fetch(&control->loaded, 1, __ATOMIC_SEQ_CST);
}

/* The path behind a descriptor, or an empty text for what has none. */
static void path_of(int descriptor, char path[PATH_LONGEST]) {
    char link[64] = "/proc/self/fd/";
    char digits[16];
    int count = 0, at = (int)strlen(link);
    unsigned number = (unsigned)descriptor;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) link[at++] = digits[--count];
    link[at] = 0;
    long length = syscall(SYS_readlink, link, path, PATH_LONGEST - 1);
    path[length > 0 && path[0] == '/' ? length : 0] = 0;
}

static struct rule *matching(enum kind kind, const char *path, uint64_t flags) {
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &control->rules[i];
        if (!__atomic_load_n(&rule->armed, __ATOMIC_ACQUIRE)) continue;
        if (!(rule->kinds & (1u << kind)) || (flags & rule->flags) != rule->flags) continue;
        if (strstr(path, rule->path) == NULL) continue;
        uint64_t seen = __atomic_add_fetch(&rule->seen, 1, __ATOMIC_SEQ_CST);
        if (rule->action == COUNT_ONLY || seen < rule->nth) continue;
        if (rule->times > 0 && seen >= rule->nth + rule->times) continue;
        if (__atomic_add_fetch(&rule->fired, 1, __ATOMIC_SEQ_CST) == 1) {
            rule->fired_kind = kind;
            strncpy(rule->fired_path, path, PATH_BYTES - 1);
        }
        return rule;
    }
    return NULL;
}

static int any_rule(void) {
    if (control == NULL) return 0;
    for (int i = 0; i < RULES; i++)
        if (__atomic_load_n(&control->rules[i].armed, __ATOMIC_ACQUIRE)) return 1;
    return 0;
}

/* The rule for a call on an open file, if there is one to act on. */
static struct rule *on_descriptor(enum kind kind, int descriptor) {
    if (!any_rule()) return NULL;
    int kept = errno;
    char path[PATH_LONGEST];
    path_of(descriptor, path);
    struct rule *rule = path[0] ? matching(kind, path, 0) : NULL;
    errno = kept;
    return rule;
}

/* The rule for a call on a path, made absolute as far as it takes to match a part of it. */
static struct rule *on_path(enum kind kind, const char *path, uint64_t flags) {
    if (!any_rule() || path == NULL) return NULL;
    int kept = errno;
    char whole[PATH_LONGEST] = "";
    if (path[0] != '/' && syscall(SYS_getcwd, whole, sizeof whole / 2) > 0) strcat(whole, "/");
    if (strlen(whole) + strlen(path) < sizeof whole) strcat(whole, path);
    struct rule *rule = matching(kind, whole, flags);
    errno = kept;
    return rule;
}

static void end_process(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) syscall(SYS_pause);
}

/* --- A volatile cache: what a write replaced is noted, so that the test can take back what was never synced. --- */

struct note {
    uint32_t kind; /* 1 a write, 2 a sync, 3 a truncation */
    uint32_t path_bytes;
    uint64_t offset;
    uint64_t bytes;    /* that the call is about to write; the new size of a truncation */
    uint64_t old_size; /* of the file */
    uint64_t kept;     /* bytes of what was there, which follow the path */
};

static int cached(int descriptor, char path[PATH_LONGEST]) {
    if (control == NULL || control->cache_path[0] == 0) return 0;
    path_of(descriptor, path);
    return path[0] && strstr(path, control->cache_path) != NULL;
}

static void append(int journal, const void *bytes, uint64_t count) {
    if ((uint64_t)syscall(SYS_write, journal, bytes, count) != count)
        __atomic_add_fetch(&control->cache_losses, 1, __ATOMIC_SEQ_CST);
}

static void note(uint32_t kind, const char *path, uint64_t offset, uint64_t bytes) {
    int kept_error = errno;
    struct stat info = {0};
    stat(path, &info);
    uint64_t size = (uint64_t)info.st_size;
    uint64_t first = offset, last = kind == 3 ? size : offset + bytes;
    if (last > size) last = size;
    uint64_t kept = kind != 2 && last > first ? last - first : 0;
    char *before = kept ? malloc(kept) : NULL;
    if (kept) {
        /* By a descriptor of its own: the program's may demand alignment. */
        int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
        if (before == NULL || file < 0 ||
            (uint64_t)syscall(SYS_pread64, file, before, kept, first) != kept)
            __atomic_add_fetch(&control->cache_losses, 1, __ATOMIC_SEQ_CST);
        if (file >= 0) syscall(SYS_close, file);
    }
    struct note entry = {kind, (uint32_t)strlen(path), offset, bytes, size, kept};
    pthread_mutex_lock(&journal_lock);
    int journal = (int)syscall(
        SYS_openat, AT_FDCWD, control->cache_journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    append(journal, &entry, sizeof entry);
    append(journal, path, entry.path_bytes);
    if (kept && before != NULL) append(journal, before, kept);
    if (journal >= 0) syscall(SYS_close, journal);
    pthread_mutex_unlock(&journal_lock);
    free(before);
    errno = kept_error;
}

/* --- Opening --- */

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    struct rule *rule = on_path(OPEN, path, (uint64_t)flags);
    if (rule != NULL && rule->action == KILL_BEFORE) end_process();
    if (rule != NULL && rule->action == FAIL) {
        errno = rule->error;
        return -1;
    }
    int result = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (rule != NULL && rule->action == KILL_AFTER) end_process();
    return result;
}

#define MODE_OF(flags)                                              \
    mode_t mode = 0;                                                \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {         \
        va_list words;                                              \
        va_start(words, flags);                                     \
        mode = va_arg(words, mode_t);                               \
        va_end(words);                                              \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_OF(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return open_at(folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* --- Writing --- */

static ssize_t do_write(int descriptor, const void *bytes, size_t count, off_t offset) {
    return offset < 0 ? syscall(SYS_write, descriptor, bytes, count)
                      : syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

/* One write; `offset` is negative for one at the descriptor's own place. */
static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (control == NULL) return do_write(descriptor, bytes, count, offset);
    struct rule *rule = on_descriptor(WRITE, descriptor);
    if (rule != NULL) {
        switch (rule->action) {
        case KILL_BEFORE: end_process(); break;
        case FAIL: errno = rule->error; return -1;
        case LIE: return (ssize_t)count;
        case SHORT:
        case SHORT_KILL:
            if (count > rule->bytes) count = rule->bytes;
            /* Through a file of its own: a short count need not be what O_DIRECT takes. */
            if (count > 0 && offset >= 0) {
                char path[PATH_LONGEST];
                if (cached(descriptor, path)) note(1, path, (uint64_t)offset, count);
                path_of(descriptor, path);
                int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
                ssize_t written = syscall(SYS_pwrite64, file, bytes, count, offset);
                syscall(SYS_close, file);
                if (rule->action == SHORT_KILL) end_process();
                return written;
            }
            if (rule->action == SHORT_KILL) {
                do_write(descriptor, bytes, count, offset);
                end_process();
            }
            break;
        }
    }
    char path[PATH_LONGEST];
    if (cached(descriptor, path)) {
        off_t at = offset < 0 ? syscall(SYS_lseek, descriptor, 0, SEEK_CUR) : offset;
        note(1, path, (uint64_t)at, count);
    }
    ssize_t written = do_write(descriptor, bytes, count, offset);
    if (rule != NULL && rule->action == KILL_AFTER) end_process();
    if (rule != NULL && rule->action == FAIL_AFTER) {
        errno = rule->error;
        return -1;
    }
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) { return write_at(descriptor, bytes, count, -1); }

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return write_at(descriptor, bytes, count, offset);
}

/* Several pieces: one after another once a rule or the cache is about this file, else as they came. */
static ssize_t write_pieces(int descriptor, const struct iovec *pieces, int count, off_t offset, int flags) {
    char path[PATH_LONGEST] = "";
    int watched = 0;
    if (control != NULL) {
        path_of(descriptor, path);
        watched = path[0] && (any_rule() || cached(descriptor, path));
    }
    if (!watched) {
        return offset < 0 && flags == 0 ? syscall(SYS_writev, descriptor, pieces, count)
                                        : syscall(SYS_pwritev2, descriptor, pieces, count, offset, 0, flags);
    }
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write_at(
            descriptor, pieces[i].iov_base, pieces[i].iov_len, offset < 0 ? -1 : offset + total);
        if (written < 0) return total > 0 ? total : written;
        total += written;
        if ((size_t)written < pieces[i].iov_len) break;
    }
    return total;
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    return write_pieces(descriptor, pieces, count, -1, 0);
}

ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    return write_pieces(descriptor, pieces, count, offset, 0);
}

ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t offset) {
    return write_pieces(descriptor, pieces, count, offset, 0);
}

ssize_t pwritev2(int descriptor, const struct iovec *pieces, int count, off_t offset, int flags) {
    return write_pieces(descriptor, pieces, count, offset, flags);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
    struct rule *rule = on_descriptor(READ, descriptor);
    if (rule != NULL && rule->action == KILL_BEFORE) end_process();
    if (rule != NULL && rule->action == FAIL) {
        errno = rule->error;
        return -1;
    }
    if (rule != NULL && rule->action == SHORT && count > rule->bytes) count = rule->bytes;
    return syscall(SYS_pread64, descriptor, bytes, count, offset);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
    return pread(descriptor, bytes, count, offset);
}

/* --- Syncing --- */

static int sync_by(long number, int descriptor) {
    struct rule *rule = on_descriptor(SYNC, descriptor);
    if (rule != NULL) {
        if (rule->action == KILL_BEFORE) end_process();
        if (rule->action == LIE) return 0;
        if (rule->action == FAIL) {
            errno = rule->error;
            return -1;
        }
    }
    int result = (int)syscall(number, descriptor);
    char path[PATH_LONGEST];
    if (result == 0 && cached(descriptor, path)) note(2, path, 0, 0);
    if (rule != NULL && rule->action == KILL_AFTER) end_process();
    if (rule != NULL && rule->action == FAIL_AFTER) {
        errno = rule->error;
        return -1;
    }
    return result;
}

int fsync(int descriptor) { return sync_by(SYS_fsync, descriptor); }

int fdatasync(int descriptor) { return sync_by(SYS_fdatasync, descriptor); }

/* --- Sizes and names --- */

/* Acts before a call that returns 0 or -1: true when the call is not to be made and `result` is what it returns. */
static int spared(struct rule *rule, int *result) {
    *result = 0;
    if (rule == NULL) return 0;
    if (rule->action == KILL_BEFORE) end_process();
    if (rule->action == LIE) return 1;
    if (rule->action != FAIL) return 0;
    errno = rule->error;
    *result = -1;
    return 1;
}

static int done(struct rule *rule, int result) {
    if (rule != NULL && rule->action == KILL_AFTER) end_process();
    if (rule != NULL && rule->action == FAIL_AFTER) {
        errno = rule->error;
        return -1;
    }
    return result;
}

int ftruncate(int descriptor, off_t size) {
    int result;
    struct rule *rule = on_descriptor(TRUNCATE, descriptor);
    if (spared(rule, &result)) return result;
    char path[PATH_LONGEST];
    if (cached(descriptor, path)) note(3, path, (uint64_t)size, (uint64_t)size);
    return done(rule, (int)syscall(SYS_ftruncate, descriptor, size));
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int fallocate(int descriptor, int mode, off_t offset, off_t bytes) {
    int result;
    struct rule *rule = on_descriptor(ALLOCATE, descriptor);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_fallocate, descriptor, mode, offset, bytes));
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t bytes) {
    return fallocate(descriptor, mode, offset, bytes);
}

/* As posix_fallocate answers: the error itself. */
int posix_fallocate(int descriptor, off_t offset, off_t bytes) {
    return fallocate(descriptor, 0, offset, bytes) == 0 ? 0 : errno;
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t bytes) {
    return posix_fallocate(descriptor, offset, bytes);
}

static int rename_at(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    int result;
    struct rule *rule = on_path(RENAME, to, 0);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}

int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return rename_at(from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return rename_at(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    int result;
    struct rule *rule = on_path(MKDIR, path, 0);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

static int link_at(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    int result;
    struct rule *rule = on_path(LINK, to, 0);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

int link(const char *from, const char *to) { return link_at(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return link_at(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path) {
    int result;
    struct rule *rule = on_path(UNLINK, path, 0);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int unlinkat(int folder, const char *path, int flags) {
    int result;
    struct rule *rule = on_path(UNLINK, path, 0);
    if (spared(rule, &result)) return result;
    return done(rule, (int)syscall(SYS_unlinkat, folder, path, flags));
}

/* --- The time of day, and the waits that end at one. --- */

static int64_t offset_now(void) {
    return control == NULL ? 0 : __atomic_load_n(&control->clock_offset, __ATOMIC_RELAXED);
}

static void move(struct timespec *time, int64_t microseconds) {
    int64_t nanoseconds = time->tv_nsec + (microseconds % 1000000) * 1000;
    time->tv_sec += microseconds / 1000000;
    while (nanoseconds < 0) {
        nanoseconds += 1000000000;
        time->tv_sec -= 1;
    }
    while (nanoseconds >= 1000000000) {
        nanoseconds -= 1000000000;
        time->tv_sec += 1;
    }
    time->tv_nsec = nanoseconds;
}

/* No machine has been up for 30 years: what is beyond that is a time of day, not one since the start. */
static int is_time_of_day(const struct timespec *time) { return time != NULL && time->tv_sec > 1000000000; }

static int (*real_clock_gettime)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (real_clock_gettime == NULL) {
        void *found = dlsym(RTLD_NEXT, "clock_gettime");
        memcpy(&real_clock_gettime, &found, sizeof found);
    }
    int result = real_clock_gettime(clock, time);
    int64_t offset = offset_now();
    if (result == 0 && offset != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        move(time, offset);
        __atomic_add_fetch(&control->clock_reads, 1, __ATOMIC_RELAXED);
    }
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0) {
        time->tv_sec = now.tv_sec;
        time->tv_usec = now.tv_nsec / 1000;
    }
    return result;
}

time_t time(time_t *answer) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (answer != NULL) *answer = now.tv_sec;
    return now.tv_sec;
}

/*
 * Waits until a deadline by the time of day, in steps short enough to see that the clock was moved meanwhile: as with a
 * clock that is really set, a deadline then comes sooner, or much later. `ONE_WAIT` waits until `step`.
 */
#define WAIT_BY_THE_CLOCK(deadline, timed_out, ONE_WAIT)                                    \
    if (control == NULL || !is_time_of_day(deadline)) {                                     \
        const struct timespec *step = deadline;                                             \
        return ONE_WAIT;                                                                    \
    }                                                                                       \
    for (;;) {                                                                              \
        struct timespec due = *(deadline), soon;                                            \
        move(&due, -offset_now());                                                          \
        real_time(&soon);                                                                   \
        move(&soon, CLOCK_STEP);                                                            \
        const struct timespec *step = is_before(&due, &soon) ? &due : &soon;                \
        int result = ONE_WAIT;                                                              \
        if (!(timed_out) || step == &due) return result;                                    \
    }

enum { CLOCK_STEP = 10000, SHORT_WAIT = 20000 };

static void real_time(struct timespec *time) { syscall(SYS_clock_gettime, CLOCK_REALTIME, time); }

static int is_before(const struct timespec *first, const struct timespec *second) {
    return first->tv_sec < second->tv_sec || (first->tv_sec == second->tv_sec && first->tv_nsec < second->tv_nsec);
}

/* Moves the clock under a wait that has begun by it and was to be over at once: the worst moment there is. */
static void jump_if_short(const struct timespec *deadline) {
    if (__atomic_load_n(&control->wait_jump, __ATOMIC_ACQUIRE) == 0) return;
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    move(&soon, SHORT_WAIT);
    if (!is_before(deadline, &soon)) return;
    int64_t jump = __atomic_exchange_n(&control->wait_jump, 0, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&control->clock_offset, jump, __ATOMIC_SEQ_CST);
}

int pthread_cond_timedwait(
    pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL) {
        /* The version for today's condition variables; without one, dlsym may find that of the 1990s. */
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        memcpy(&real, &found, sizeof found);
    }
    if (control != NULL && is_time_of_day(deadline)) jump_if_short(deadline);
    WAIT_BY_THE_CLOCK(deadline, result == ETIMEDOUT, real(condition, mutex, step))
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    static int (*real)(sem_t *, const struct timespec *);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "sem_timedwait");
        memcpy(&real, &found, sizeof found);
    }
    WAIT_BY_THE_CLOCK(deadline, result == -1 && errno == ETIMEDOUT, real(semaphore, step))
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline) {
    static int (*real)(pthread_mutex_t *, const struct timespec *);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
        memcpy(&real, &found, sizeof found);
    }
    WAIT_BY_THE_CLOCK(deadline, result == ETIMEDOUT, real(mutex, step))
}

int timerfd_settime(int descriptor, int flags, const struct itimerspec *given, struct itimerspec *before) {
    struct itimerspec moved = *given;
    int64_t offset = offset_now();
    if (offset != 0 && (flags & TFD_TIMER_ABSTIME) && is_time_of_day(&moved.it_value)) move(&moved.it_value, -offset);
    return (int)syscall(SYS_timerfd_settime, descriptor, flags, &moved, before);
}

/* --- For the suite's own reader of the log. --- */

/* CRC-32C: Castagnoli's polynomial, reflected; initial value and final xor all ones. */
uint32_t crc32c(const uint8_t *bytes, uint64_t count) {
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 256; i-- > 0;) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0x82f63b78u : value >> 1;
            table[i] = value;
        }
    }
    uint32_t crc = 0xffffffffu;
    for (uint64_t i = 0; i < count; i++) crc = (crc >> 8) ^ table[(crc ^ bytes[i]) & 255];
    return crc ^ 0xffffffffu;
}

import Glibc

/// A lock with a condition to wait for, whose deadlines are on the monotonic clock: stepping the time of day neither
/// cuts a wait short nor makes it last.
package final class MonotonicCondition: @unchecked Sendable {
    // Both are made to be used from any thread.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// An instant of the monotonic clock.
    package struct Deadline {
        fileprivate var time = timespec()

        /// So many seconds from now.
        package init(seconds: Double) {
            clock_gettime(CLOCK_MONOTONIC, &time)
            let whole = max(0, seconds).rounded(.down)
            time.tv_sec += Int(min(whole, 1e9))
            time.tv_nsec += Int((max(0, seconds) - whole) * 1e9)
            if time.tv_nsec >= 1_000_000_000 {
                time.tv_nsec -= 1_000_000_000
                time.tv_sec += 1
            }
        }
    }

    package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the lock held.
    package func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Wakes one that waits.
    package func signal() { pthread_cond_signal(condition) }

    /// Wakes all that wait.
    package func broadcast() { pthread_cond_broadcast(condition) }

    /// Waits to be woken, with the lock held before and after.
    package func wait() { pthread_cond_wait(condition, mutex) }

    /// Waits to be woken, with the lock held before and after; false when the deadline has passed instead.
    package func wait(until deadline: Deadline) -> Bool {
        var time = deadline.time
        return pthread_cond_timedwait(condition, mutex, &time) == 0
    }
}

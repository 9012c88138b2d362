import Foundation

/// How threads of the process stand to each other when there is more to do than processors do.
enum ThreadPriority {
    /// Bringing models up to date may take longer where events have to be taken in and committed.
    static let models: Int32 = 5
    /// Joining files can wait.
    static let upkeep: Int32 = 10

    /// Lets others go before the calling thread, and before the threads that it starts from now on.
    static func lower(by steps: Int32) {
        #if os(Linux)
            // Here a thread has a priority of its own, and lowering one's own is always allowed.
            _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, steps)
        #endif
    }
}

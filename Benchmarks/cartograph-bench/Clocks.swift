import Foundation
import Glibc

/// Clocks of the machine and of its processes.
enum Clocks {
    /// Nanoseconds of steady time.
    static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// Processor nanoseconds of the thread that asks.
    static func threadTime() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// Processor nanoseconds of all this process's threads, those that ended included.
    static func ownCPU() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// Processor seconds of all threads of a process, those that ended included, to the nanosecond.
    static func cpuSeconds(of process: Int32) throws -> Double {
        var clock = clockid_t()
        let error = clock_getcpuclockid(process, &clock)
        guard error == 0 else {
            throw BenchError("process \(process) has no processor clock: \(String(cString: strerror(error)))")
        }
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { throw BenchError("process \(process) has ended") }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// What the processors did so far, all processes and the kernel together (proc(5), /proc/stat).
struct MachineTime {
    /// Processor seconds of work, and of waiting for the host of a virtual machine.
    let busy: Double
    let stolen: Double
    private let at = Clocks.now()

    init() throws {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        let fields = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count >= 8 else { throw BenchError("/proc/stat is not understood") }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // user nice system idle iowait irq softirq steal; the guests' time is in user already.
        busy = (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / ticks
        stolen = fields[7] / ticks
    }

    /// How many processors were busy on average since `start` with what is not among `ours` (processor seconds).
    func others(since start: MachineTime, ours: Double) -> Double {
        let wall = Double(at - start.at) / 1e9
        return wall > 0 ? max(0, (busy - start.busy) + (stolen - start.stolen) - ours) / wall : 0
    }
}

/// Whether the machine is quiet enough for a timing to mean something.
enum Quiet {
    /// The most processors that others may keep busy.
    static let limit = 0.5
    /// How long to watch, in microseconds.
    private static let watch: UInt32 = 2_000_000

    /// Watches for two seconds; tells the load and warns when it is too high.
    static func check() throws -> Measure {
        let before = try MachineTime()
        usleep(watch)
        let load = try MachineTime().others(since: before, ours: 0)
        if load > limit {
            report(
                String(
                    format: "WARNING: something else keeps %.2f processors busy: these timings are not honest; wait "
                        + "until the machine is quiet and run this again", load))
        }
        return Measure(bench: "machine", measure: "load before the start", value: load, unit: "processors")
    }
}

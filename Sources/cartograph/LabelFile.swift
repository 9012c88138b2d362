import Foundation
import Simulator

/// Where `simulate --labels` writes the truth about each purchase, apart from the events: NDJSON of event_id, label
/// and kind.
struct LabelFile {
    private let file: FileHandle
    private var buffer = LineBuffer()

    /// Begins the file, in place of one that is there.
    init(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw CommandError("\(path) cannot be written: choose another file for --labels")
        }
        self.file = file
    }

    /// Writes the labels of the purchases made since the last call.
    mutating func take(from simulator: inout ShopSimulator) throws {
        buffer.removeAll()
        simulator.takeLabels(into: &buffer)
        try buffer.withBytes { try file.write(contentsOf: Data($0)) }
    }
}

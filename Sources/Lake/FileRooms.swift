import Storage

/// The rooms of files that were written, kept for the next ones: fresh pages cost more than what is written into them.
final class FileRooms {
    /// Bytes that are kept at most: the files of a round, which were larger than the ones that they make room for.
    private static let bytesMax = 160 << 20

    private var rooms: [BlockBytes] = []

    /// A room for that many bytes: the smallest that holds them, or a new one.
    func take(_ bytes: Int) -> BlockBytes {
        let fitting = rooms.indices.filter { rooms[$0].capacity >= bytes }
        if let place = fitting.min(by: { rooms[$0].capacity < rooms[$1].capacity }) { return rooms.remove(at: place) }
        // The next file is hardly ever of the same size.
        return BlockBytes(capacity: bytes + bytes / 4)
    }

    /// Keeps the room of a file that was written, which nobody uses any more.
    func give(_ room: BlockBytes) {
        room.removeAll()
        rooms.append(room)
        var bytes = rooms.reduce(0) { $0 + $1.capacity }
        // Those that were kept the longest without use are the first.
        while bytes > FileRooms.bytesMax { bytes -= rooms.removeFirst().capacity }
    }
}

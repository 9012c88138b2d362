/// The rooms of files that were written, kept for the next ones: fresh pages cost more than what is written into them.
final class FileRooms {
    /// Bytes that are kept at most.
    private static let bytesMax = 64 << 20

    private var rooms: [[UInt8]] = []

    /// A room for a file of about that many bytes: the smallest that holds them, else the largest.
    func take(_ bytes: Int) -> [UInt8] {
        let fitting = rooms.indices.filter { rooms[$0].capacity >= bytes }.min { rooms[$0].capacity < rooms[$1].capacity }
        guard let place = fitting ?? rooms.indices.max(by: { rooms[$0].capacity < rooms[$1].capacity }) else { return [] }
        return rooms.remove(at: place)
    }

    /// Keeps the room of a file that was written.
    func give(_ room: consuming [UInt8]) {
        var room = room
        room.removeAll(keepingCapacity: true)
        guard room.capacity > 0, rooms.reduce(room.capacity, { $0 + $1.capacity }) <= FileRooms.bytesMax else { return }
        rooms.append(room)
    }
}

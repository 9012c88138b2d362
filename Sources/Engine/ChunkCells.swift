/// The cells of a string or blob column: 16 bytes each, up to 12 bytes of text inside, longer text by pointer.
@frozen
public struct StringCells {
    @usableFromInline let cells: UnsafeMutableRawPointer

    @usableFromInline
    init(_ cells: UnsafeMutableRawPointer) { self.cells = cells }

    /// Longest text that lies in the cell itself, in bytes.
    public static let inlineLengthMax = 12

    /// Writes a cell. Text longer than 12 bytes is not copied: it has to stay where it is until the statement has ended.
    @inlinable
    public func reference(_ row: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let cell = cells + row &* 16
        let text = UnsafeRawPointer(bytes)
        if count > 12 {
            cell.storeBytes(
                of: UInt64(UInt32(truncatingIfNeeded: count)) | UInt64(text.loadUnaligned(as: UInt32.self)) << 32,
                as: UInt64.self)
            cell.storeBytes(of: UInt64(UInt(bitPattern: text)), toByteOffset: 8, as: UInt64.self)
            return
        }
        // The rest of the cell has to be zero: DuckDB compares cells whole.
        cell.storeBytes(of: UInt64(count), as: UInt64.self)
        cell.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
        if count >= 8 {
            // Two words that overlap, instead of a call to copy a few bytes.
            let end = count &- 8
            let head = text.loadUnaligned(as: UInt64.self)
            let tail = text.loadUnaligned(fromByteOffset: end, as: UInt64.self)
            cell.storeBytes(of: head, toByteOffset: 4, as: UInt64.self)
            cell.storeBytes(of: tail, toByteOffset: 4 &+ end, as: UInt64.self)
        } else if count >= 4 {
            let end = count &- 4
            let head = text.loadUnaligned(as: UInt32.self)
            let tail = text.loadUnaligned(fromByteOffset: end, as: UInt32.self)
            cell.storeBytes(of: head, toByteOffset: 4, as: UInt32.self)
            cell.storeBytes(of: tail, toByteOffset: 4 &+ end, as: UInt32.self)
        } else {
            var index = 0
            while index < count {
                cell.storeBytes(of: bytes[index], toByteOffset: 4 &+ index, as: UInt8.self)
                index &+= 1
            }
        }
    }
}

/// The null bits of a column: a set bit is a value.
@frozen
public struct NullCells {
    @usableFromInline let bits: UnsafeMutablePointer<UInt64>

    @usableFromInline
    init(_ bits: UnsafeMutablePointer<UInt64>) { self.bits = bits }

    /// Makes a cell null.
    @inlinable
    public func setNull(_ row: Int) {
        bits[row &>> 6] &= ~(1 &<< UInt64(row & 63))
    }
}

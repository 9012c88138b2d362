/// What stands in the log where an event of an erased person stood: a record of zeros.
///
/// It keeps the record's offset, so that nothing behind it moves. No other record begins with two zero bytes: an accepted
/// event begins with a brace, and a rejected one with the length of its reason, which is never empty.
enum ErasedRecord {
    /// Bytes of one that takes the place of an event that was not stored at all.
    static let bytes = 4

    /// Whether a record is one.
    @inline(__always)
    static func isOne(_ record: UnsafeRawBufferPointer) -> Bool {
        record.count >= 2 && record.loadUnaligned(as: UInt16.self) == 0
    }
}

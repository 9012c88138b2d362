/// The text of a statement as far as it means something to the engine.
enum StatementText {
    /// A statement without its comments, and with every run of white space outside of quotes as one blank: what another comment
    /// or another line break does not change.
    static func essence(_ sql: String) -> String {
        let bytes = Array(sql.utf8)
        var essence: [UInt8] = []
        essence.reserveCapacity(bytes.count)
        var position = 0
        func starts(_ text: StaticString) -> Bool {
            position + 1 < bytes.count && bytes[position] == text.utf8Start[0]
                && bytes[position + 1] == text.utf8Start[1]
        }
        func blank() { if let last = essence.last, last != 0x20 { essence.append(0x20) } }
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x27 || byte == 0x22 {
                let end = bytes[(position + 1)...].firstIndex(of: byte) ?? bytes.count - 1
                essence += bytes[position...end]
                position = end + 1
            } else if starts("--") {
                position = bytes[position...].firstIndex(of: 0x0A) ?? bytes.count
                blank()
            } else if starts("/*") {
                position += 2
                while position < bytes.count, !starts("*/") { position += 1 }
                position = min(bytes.count, position + 2)
                blank()
            } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
                position += 1
                blank()
            } else {
                essence.append(byte)
                position += 1
            }
        }
        if essence.last == 0x20 { essence.removeLast() }
        return String(decoding: essence, as: UTF8.self)
    }
}

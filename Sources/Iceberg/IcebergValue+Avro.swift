extension IcebergValue {
    /// A partition value as a manifest holds it. Narrower integers than the type's are accepted: the column may have
    /// been widened since.
    init(avro: AvroValue, as type: IcebergType, field: String) throws {
        func failure() -> IcebergError {
            IcebergError(.malformed, "the value of partition field \(field) is not of type \(type)")
        }
        func narrow() throws -> Int32 {
            guard let number = avro.integer.flatMap(Int32.init(exactly:)) else { throw failure() }
            return number
        }
        func wide() throws -> Int64 {
            guard let number = avro.integer else { throw failure() }
            return number
        }
        switch (type, avro) {
        case (_, .null): self = .null
        case (.boolean, .boolean(let value)): self = .boolean(value)
        case (.int, _): self = .int(try narrow())
        case (.date, _): self = .date(try narrow())
        case (.long, _): self = .long(try wide())
        case (.time, _): self = .time(try wide())
        case (.timestamp, _): self = .timestamp(try wide())
        case (.timestamptz, _): self = .timestamptz(try wide())
        case (.float, .float(let number)): self = .float(number)
        case (.double, .float(let number)): self = .double(Double(number))
        case (.double, .double(let number)): self = .double(number)
        case (.string, .string(let text)): self = .string(text)
        case (.decimal(let precision, _), .bytes(let bytes)) where (1...16).contains(bytes.count):
            let unscaled = SingleValue.signedBigEndian(bytes)
            guard SingleValue.minimalBigEndian(unscaled).count <= IcebergType.decimalBytes(precision: precision) else {
                throw failure()
            }
            self = .decimal(unscaled)
        case (.uuid, .bytes(let bytes)) where bytes.count == 16: self = .uuid(bytes)
        case (.fixed(let length), .bytes(let bytes)) where bytes.count == length: self = .binary(bytes)
        case (.binary, .bytes(let bytes)): self = .binary(bytes)
        default: throw failure()
        }
    }

    /// A partition value whose type is not known, as a manifest holds it: of an unknown transform, or a dropped column.
    init(avro: AvroValue, field: String) throws {
        switch avro {
        case .null: self = .null
        case .boolean(let value): self = .boolean(value)
        case .int(let number): self = .int(number)
        case .long(let number): self = .long(number)
        case .float(let number): self = .float(number)
        case .double(let number): self = .double(number)
        case .bytes(let bytes): self = .binary(bytes)
        case .string(let text): self = .string(text)
        case .enumeration, .array, .map, .record:
            throw IcebergError(.malformed, "the value of partition field \(field) is not of a primitive type")
        }
    }

    /// As a manifest holds it.
    func avro(as type: IcebergType, field: String) throws -> AvroValue {
        guard fits(type) else {
            throw IcebergError(.badRequest, "partition field \(field) is of type \(type), which \(self) is not")
        }
        switch (self, type) {
        case (.boolean(let value), _): return .boolean(value)
        case (.int(let number), _), (.date(let number), _): return .int(number)
        case (.long(let number), _), (.time(let number), _), (.timestamp(let number), _), (.timestamptz(let number), _):
            return .long(number)
        case (.float(let number), _): return .float(number)
        case (.double(let number), _): return .double(number)
        case (.string(let text), _): return .string(text)
        case (.uuid(let bytes), _), (.binary(let bytes), _): return .bytes(bytes)
        case (.decimal(let unscaled), .decimal(let precision, _)):
            let minimal = SingleValue.minimalBigEndian(unscaled)
            let size = IcebergType.decimalBytes(precision: precision)
            guard minimal.count <= size else {
                throw IcebergError(.badRequest, "partition field \(field) has more than \(precision) digits")
            }
            return .bytes([UInt8](repeating: unscaled < 0 ? 0xFF : 0, count: size - minimal.count) + minimal)
        default: return .null
        }
    }
}

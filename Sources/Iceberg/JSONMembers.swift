/// Members of an object, read strictly: what is there but is not of the type asked for is an error, never taken for
/// absent. A current snapshot that is misspelled must not make a table look empty.
extension JSON {
    /// A whole number that must be there.
    package func integer<Number: FixedWidthInteger>(_ name: String) throws(IcebergError) -> Number {
        guard let number: Number = try integer(ifPresent: name) else { throw JSON.missing(name) }
        return number
    }

    /// A whole number; nil when it is absent or null.
    package func integer<Number: FixedWidthInteger>(ifPresent name: String) throws(IcebergError) -> Number? {
        guard let value = self[name] else { return nil }
        guard case .number(let text) = value, let number = Number(text) else {
            throw JSON.wrong(name, "a whole number of \(Number.bitWidth) bits")
        }
        return number
    }

    /// A text that must be there.
    package func string(_ name: String) throws(IcebergError) -> String {
        guard let text = try string(ifPresent: name) else { throw JSON.missing(name) }
        return text
    }

    /// A text; nil when it is absent or null.
    package func string(ifPresent name: String) throws(IcebergError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw JSON.wrong(name, "a string") }
        return text
    }

    /// A boolean; nil when it is absent or null.
    package func boolean(ifPresent name: String) throws(IcebergError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let boolean = value.boolean else { throw JSON.wrong(name, "true or false") }
        return boolean
    }

    /// The elements of an array that must be there.
    package func array(_ name: String) throws(IcebergError) -> [JSON] {
        guard let elements = try array(ifPresent: name) else { throw JSON.missing(name) }
        return elements
    }

    /// The elements of an array; nil when it is absent or null.
    package func array(ifPresent name: String) throws(IcebergError) -> [JSON]? {
        guard let value = self[name] else { return nil }
        guard let elements = value.array else { throw JSON.wrong(name, "a list") }
        return elements
    }

    /// The whole numbers of an array; none when it is absent or null.
    package func integers<Number: FixedWidthInteger>(_ name: String) throws(IcebergError) -> [Number] {
        var numbers: [Number] = []
        for element in try array(ifPresent: name) ?? [] {
            guard case .number(let text) = element, let number = Number(text) else {
                throw JSON.wrong(name, "a list of whole numbers of \(Number.bitWidth) bits")
            }
            numbers.append(number)
        }
        return numbers
    }

    /// The members of an object; none when it is absent or null.
    package func members(_ name: String) throws(IcebergError) -> [JSONMember] {
        guard let value = self[name] else { return [] }
        guard let members = value.members else { throw JSON.wrong(name, "an object") }
        return members
    }

    /// The members of an object of strings; none when it is absent or null.
    package func strings(_ name: String) throws(IcebergError) -> [String: String] {
        var texts: [String: String] = [:]
        for member in try members(name) {
            guard let text = member.value.string else {
                throw IcebergError(.malformed, "\"\(member.name.prefix(80))\" of \"\(name)\" is not a string")
            }
            texts[member.name] = text
        }
        return texts
    }

    private static func missing(_ name: String) -> IcebergError {
        IcebergError(.malformed, "\"\(name)\" is missing")
    }

    private static func wrong(_ name: String, _ what: String) -> IcebergError {
        IcebergError(.malformed, "\"\(name)\" is not \(what)")
    }
}

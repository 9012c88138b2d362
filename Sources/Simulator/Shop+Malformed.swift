/// Lines that must be rejected, each with exactly one thing wrong.
extension Shop {
    func writeMalformed(
        _ kind: MalformedKind, customer: UInt32, product: UInt32, _ event: UInt64, _ stamp: StampText,
        _ buffer: inout LineBuffer
    ) {
        buffer.addLine { line in
            switch kind {
            case .truncated, .numericProduct, .badTimestamp:
                begin(#"{"type":"click","event_id":""#, event, &line)
            case .unknownType:
                begin(#"{"type":"hover","event_id":""#, event, &line)
            case .missingUser:
                begin(#"{"type":"click","event_id":""#, event, &line)
            case .badMoney, .badCurrency, .emptyItems:
                begin(#"{"type":"purchase","event_id":""#, event, &line)
            case .badQuantity:
                begin(#"{"type":"cart","event_id":""#, event, &line)
            case .badUTF8:
                begin(#"{"type":"search","event_id":""#, event, &line)
            }
            if kind != .missingUser {
                line.put(#"","user_id":""#)
                line.put(customer: customer)
            }
            line.put(#"","session_id":"s-malformed"#)
            if kind == .truncated { return }
            line.put(#"","ts":""#)
            if kind == .badTimestamp { line.put("yesterday") } else { line.put(stamp) }
            switch kind {
            case .badMoney, .badCurrency, .emptyItems:
                writeFaultyPurchase(kind, product, &line)
            case .badUTF8:
                line.put(#"","query":"caf"#)
                // An é in Latin-1.
                line.put(byte: 0xe9)
                line.put(#""}"#)
            case .badQuantity:
                line.put(#"","product_id":""#)
                line.put(product: product)
                line.put(#"","quantity":-1}"#)
            case .numericProduct:
                line.put(#"","product_id":"#)
                line.put(Int(product))
                line.put(#","page":"/","referrer":""}"#)
            case .truncated, .unknownType, .missingUser, .badTimestamp:
                line.put(#"","product_id":""#)
                line.put(product: product)
                line.put(#"","page":"/","referrer":""}"#)
            }
        }
    }

    private func writeFaultyPurchase(_ kind: MalformedKind, _ product: UInt32, _ line: inout LineWriter) {
        line.put(#"","items":["#)
        if kind != .emptyItems {
            line.put(#"{"product_id":""#)
            line.put(product: product)
            line.put(#"","quantity":1,"unit_price":12.50}"#)
        }
        line.put(kind == .badMoney ? #"],"total_amount":"12,50","# : #"],"total_amount":12.50,"#)
        line.put(kind == .badCurrency ? #""currency":"US$"}"# : #""currency":"USD"}"#)
    }
}

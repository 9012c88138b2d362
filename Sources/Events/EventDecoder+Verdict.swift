extension EventDecoder {
    /// What the contract says of a row that was read: nil when it is accepted, else the first fault. Fields that are
    /// missing or of the wrong type come first, in the order of the contract, then values that are out of bounds.
    borrowing func verdict(_ row: inout Row, _ batch: EventBatch) -> RejectionReason? {
        guard let type = row.type else {
            if row.typeText != nil { return RejectionReason(.unknownType) }
            return RejectionReason(row.wrong & EventField.type.bit != 0 ? .wrongType : .missingField, .type)
        }
        let required = tables.pointee.required[Int(type.rawValue)]
        let known = tables.pointee.known[Int(type.rawValue)]
        // The common case in one comparison: all required fields there, nothing wrong.
        if required & ~row.present != 0 || (row.wrong | row.bad) & known != 0 {
            let schema = EventSchema.of(type)
            for field in schema.required + schema.optional {
                if let reason = fault(field, row, required: schema.requiredSet & field.bit != 0) { return reason }
            }
        }
        var left = row.present & known
        while left != 0 {
            let bit = left.trailingZeroBitCount
            left &= left &- 1
            guard let field = EventField(rawValue: UInt8(bit)) else { continue }
            if let reason = check(field, type, &row, batch) { return reason }
        }
        return nil
    }

    private borrowing func fault(_ field: EventField, _ row: Row, required: Bool) -> RejectionReason? {
        if row.wrong & field.bit != 0 { return RejectionReason(.wrongType, field) }
        if row.bad & field.bit != 0 {
            return field == .ts ? RejectionReason(.badTimestamp) : RejectionReason(.badMoney)
        }
        return required && row.present & field.bit == 0 ? RejectionReason(.missingField, field) : nil
    }

    /// Checks a value that is present and of the right JSON type.
    @inline(__always)
    private borrowing func check(
        _ field: EventField, _ type: EventType, _ row: inout Row, _ batch: EventBatch
    ) -> RejectionReason? {
        let index = batch.count
        switch field.kind {
        case .id:
            let length = batch.strings[Int(field.rawValue) &* batch.capacity &+ index].count
            if length == 0 { return emptyID(field, type, &row) }
            return length > EventLimits.idBytes ? RejectionReason(.wrongType, field) : nil
        case .text, .type:
            return nil
        case .word:
            let text = batch.strings[Int(field.rawValue) &* batch.capacity &+ index]
            return isWord(text, of: field, type) ? nil : RejectionReason(.wrongType, field)
        case .currency:
            let text = batch.strings[Int(field.rawValue) &* batch.capacity &+ index]
            let known =
                text.count == 3
                && Currency.isKnown(text.start[0], text.start[1], text.start[2], in: tables.pointee.currencies)
            return known ? nil : RejectionReason(.badCurrency)
        case .integer:
            let value = batch.integers[field.integerIndex &* batch.capacity &+ index]
            return integerFault(field, value, type, batch, row)
        case .money:
            return batch.moneys[field.moneyIndex &* batch.capacity &+ index] < 0 ? RejectionReason(.badMoney) : nil
        case .timestamp:
            let instant = batch.timestamps[index]
            if instant < EventLimits.earliestMicroseconds { return RejectionReason(.badTimestamp) }
            return instant > latest ? RejectionReason(.tooFarInFuture) : nil
        case .items:
            return row.itemsReason
        }
    }

    /// An empty id is as good as none: required ones are missing, optional ones are null.
    private borrowing func emptyID(_ field: EventField, _ type: EventType, _ row: inout Row) -> RejectionReason? {
        if tables.pointee.required[Int(type.rawValue)] & field.bit != 0 { return RejectionReason(.missingField, field) }
        row.present &= ~field.bit
        return nil
    }

    private borrowing func integerFault(
        _ field: EventField, _ value: Int64, _ type: EventType, _ batch: EventBatch, _ row: Row
    ) -> RejectionReason? {
        switch field {
        case .quantity:
            // Updating a line to nothing is how some shops remove it.
            var least: Int64 = 1
            if row.present & EventField.action.bit != 0 {
                let action = batch.strings[Int(EventField.action.rawValue) * batch.capacity + batch.count]
                if tables.pointee.words.word(action).map({ $0.pointee.lists & WordList.adding == 0 }) ?? true {
                    least = 0
                }
            }
            return value < least || value > EventLimits.quantity ? RejectionReason(.badQuantity) : nil
        case .change:
            return value.magnitude > UInt64(Int32.max) ? RejectionReason(.wrongType, field) : nil
        case .results:
            return value < 0 || value > Int64(Int32.max) ? RejectionReason(.wrongType, field) : nil
        default:
            return value < 0 ? RejectionReason(.wrongType, field) : nil
        }
    }

    private borrowing func isWord(_ text: StringRef, of field: EventField, _ type: EventType) -> Bool {
        let list: UInt8 =
            switch field {
            case .channel: WordList.channel
            case .status, .previousStatus: WordList.status
            default: type == .cart ? WordList.cartAction : WordList.wishlistAction
            }
        return tables.pointee.words.word(text).map { $0.pointee.lists & list != 0 } ?? false
    }
}

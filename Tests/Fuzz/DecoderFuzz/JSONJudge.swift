import CSimdjson
import Events

/// What simdjson says of an event, and of how the decoder read it.
///
/// Where the two may differ is written out here:
/// - the decoder turns away what is nested deeper than 64 levels, as it counts it (`csimdjson_depth`);
/// - simdjson refuses numbers beyond 64 bits and beyond a double; the shim writes them shorter and judges again, and an
///   accepted event whose own fields hold such a number then differs in the value;
/// - simdjson's decimals are doubles: an amount of up to 2^53 ten-thousandths must be the double that is nearest to
///   it, a greater one must be within two units in the last place.
final class JSONJudge {
    private let parser = csimdjson_create()

    /// The contract's depth, written down a second time: events that the log holds must decode as before.
    private static let depth = 64

    deinit { csimdjson_destroy(parser) }

    /// What the decoder did wrong; nil when it did nothing wrong.
    func objection(
        to reason: RejectionReason?, _ batch: EventBatch, _ row: Int, _ event: UnsafeBufferPointer<UInt8>
    ) -> String? {
        let document = csimdjson_parse(parser, event.baseAddress, event.count)
        switch (document, reason?.word) {
        case (csimdjson_not_utf8, .badUTF8?): return nil
        case (csimdjson_not_utf8, _): return "not UTF-8 says simdjson"
        case (_, .badUTF8?): return "UTF-8 says simdjson"
        case (csimdjson_object, .notJSON?):
            return csimdjson_depth(parser) > JSONJudge.depth ? nil : "a JSON object says simdjson"
        case (csimdjson_object, _):
            if csimdjson_depth(parser) > JSONJudge.depth { return "nested too deep says simdjson" }
        case (_, .notJSON?): return nil
        default: return "not a JSON object says simdjson"
        }
        guard reason == nil else { return nil }
        return fault(batch, row)
    }

    private func member(_ name: String) -> csimdjson_value { csimdjson_member(parser, name) }

    private func fault(_ batch: EventBatch, _ row: Int) -> String? {
        let type = batch.type(row)
        guard isText(member("type"), type.name) else { return "another type" }
        let schema = EventSchema.of(type)
        for field in EventField.allCases {
            guard schema.columns.contains(field) else {
                if batch.has(field, row) { return "\(field.name) is no field of \(type.name)" }
                continue
            }
            let value = member(field.name)
            if !batch.has(field, row) {
                if schema.required.contains(field) { return "\(field.name) is required" }
                let isEmptyID = field.kind == .id && value.type == csimdjson_string && value.count == 0
                guard value.type == csimdjson_absent || value.type == csimdjson_null || isEmptyID else {
                    return "\(field.name) was lost"
                }
            } else if !agrees(value, field, batch, row) {
                return "\(field.name) differs"
            }
        }
        return type == .purchase && batch.totalMismatch(row) != mismatch(batch, row) ? "the total's warning" : nil
    }

    private func agrees(_ value: csimdjson_value, _ field: EventField, _ batch: EventBatch, _ row: Int) -> Bool {
        switch field.kind {
        case .id, .text, .word, .currency:
            return batch.string(field, row).map { isText(value, $0) } ?? false
        case .integer:
            return value.type == csimdjson_integer && batch.integer(field, row) == value.integer
        case .money:
            return batch.money(field, row).map { isAmount(value, $0) } ?? false
        case .timestamp:
            if value.type == csimdjson_integer { return batch.timestamp(row) == value.integer * 1_000 }
            var micros: Int64 = 0
            return value.type == csimdjson_string && csimdjson_instant(value.string, value.count, &micros) != 0
                && batch.timestamp(row) == micros
        case .items:
            let items = batch.items(row)
            guard value.type == csimdjson_array, items.count == csimdjson_item_count(parser) else { return false }
            return items.enumerated().allSatisfy { index, item in
                let quantity = csimdjson_item_member(parser, index, "quantity")
                return isText(csimdjson_item_member(parser, index, "product_id"), batch.itemProduct(item))
                    && quantity.type == csimdjson_integer && quantity.integer == Int64(batch.itemQuantity(item))
                    && isAmount(csimdjson_item_member(parser, index, "unit_price"), batch.itemPrice(item))
            }
        case .type:
            return true
        }
    }

    private func isText(_ value: csimdjson_value, _ text: StringRef) -> Bool {
        guard value.type == csimdjson_string, value.count == text.count, let start = value.string else { return false }
        return UnsafeRawBufferPointer(start: start, count: value.count)
            .elementsEqual(UnsafeRawBufferPointer(start: text.start, count: text.count))
    }

    private func isText(_ value: csimdjson_value, _ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return false }
            return isText(value, StringRef(start, bytes.count))
        }
    }

    private func isAmount(_ value: csimdjson_value, _ tenThousandths: Int64) -> Bool {
        var amount = value.decimal
        switch value.type {
        case csimdjson_integer, csimdjson_decimal: break
        case csimdjson_string: guard csimdjson_amount(value.string, value.count, &amount) != 0 else { return false }
        default: return false
        }
        let expected = Double(tenThousandths) / 10_000
        if tenThousandths.magnitude <= 1 << 53 { return amount == expected }
        return (amount - expected).magnitude <= 2 * max(amount.ulp, expected.ulp)
    }

    /// Whether total and parts differ, in numbers that cannot overflow.
    private func mismatch(_ batch: EventBatch, _ row: Int) -> Bool {
        func amount(_ field: EventField) -> Int128 { Int128(batch.money(field, row) ?? 0) }
        var sum = amount(.shipping) + amount(.tax) - amount(.discount)
        for item in batch.items(row) { sum += Int128(batch.itemPrice(item)) * Int128(batch.itemQuantity(item)) }
        return (sum - amount(.totalAmount)).magnitude > UInt128(EventLimits.totalTolerance)
    }
}

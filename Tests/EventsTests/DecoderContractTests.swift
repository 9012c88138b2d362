import Events
import Testing

@Suite struct DecoderContractTests {
    @Test(arguments: EventType.allCases)
    func anEventWithItsRequiredFieldsOnlyIsAccepted(_ type: EventType) throws {
        let event = try #require(Sample(type).verdict.event)
        #expect(event.type == type)
        for name in Sample.contract[Int(type.rawValue)].required {
            let field = try #require(EventField.allCases.first { $0.name == name })
            #expect(event.has(field), "\(name) was lost")
        }
    }

    @Test(arguments: EventType.allCases)
    func anEventWithAllItsFieldsKeepsEachValue(_ type: EventType) throws {
        let event = try #require(Sample(type, all: true).verdict.event)
        let row = Sample.contract[Int(type.rawValue)]
        for name in row.required + row.optional {
            let field = try #require(EventField.allCases.first { $0.name == name })
            switch field.kind {
            case .id: #expect(event.strings[field] == "the \(name)")
            case .text: #expect(event.strings[field] == (name == "referrer" ? "" : "the \(name)"))
            case .word, .currency: #expect("\"\(event.strings[field] ?? "")\"" == Sample.json(name))
            case .integer: #expect(event.numbers[field] == 3)
            case .money: #expect(event.numbers[field] == (name == "total_amount" ? 212_500 : 15_000))
            case .timestamp: #expect(event.numbers[field] == 1_767_323_045_678_000)
            case .items:
                #expect(
                    event.items == [
                        .init(product: "p-1", quantity: 2, price: 100_000),
                        .init(product: "p-2", quantity: 1, price: 12_500),
                    ])
            case .type: break
            }
        }
        #expect(
            event.strings.count + event.numbers.count + (type == .purchase ? 1 : 0) == row.required.count
                + row.optional.count)
    }

    @Test func theSchemaIsTheContractsTableInItsOrder() {
        for (type, required, optional) in Sample.contract {
            let schema = EventSchema.of(type)
            #expect(schema.type == type)
            #expect(schema.required.map(\.name) == required)
            #expect(schema.optional.map(\.name) == optional)
            #expect(type.name == Sample.names[type])
            #expect(type.topic.eventType == type)
        }
    }

    @Test(arguments: EventType.allCases)
    func eachRequiredFieldIsMissedByName(_ type: EventType) {
        for name in Sample.contract[Int(type.rawValue)].required {
            #expect(Sample(type, all: true).without(name).verdict.reason == "missing_field:\(name)")
            #expect(Sample(type, all: true).with(name, "null").verdict.reason == "missing_field:\(name)")
        }
        #expect(Sample(type).without("type").verdict.reason == "missing_field:type")
        #expect(Sample(type).with("type", "null").verdict.reason == "missing_field:type")
    }

    @Test(arguments: EventType.allCases)
    func eachOptionalFieldMayBeNull(_ type: EventType) throws {
        for name in Sample.contract[Int(type.rawValue)].optional {
            let event = try #require(Sample(type, all: true).with(name, "null").verdict.event)
            let field = try #require(EventField.allCases.first { $0.name == name })
            #expect(!event.has(field))
        }
    }

    @Test(arguments: EventType.allCases)
    func eachKnownFieldOfTheWrongTypeIsNamed(_ type: EventType) throws {
        let row = Sample.contract[Int(type.rawValue)]
        for name in row.required + row.optional {
            let field = try #require(EventField.allCases.first { $0.name == name })
            var wrong = ["true", "false", "{}", "{\"a\":[1]}"]
            if field.kind != .items { wrong.append("[]") }
            switch field.kind {
            case .id, .text, .word, .currency: wrong += ["1", "-1.5e3"]
            case .integer: wrong += ["\"1\"", "1.0", "1e2", "1234567890123456789"]
            case .items: wrong += ["1", "\"[]\""]
            case .money, .timestamp, .type: break
            }
            for json in wrong {
                #expect(
                    Sample(type, all: true).with(name, json).verdict.reason == "wrong_type:\(name)", "\(name): \(json)")
            }
        }
        for json in ["1", "[]", "{}", "true"] {
            #expect(Sample(type).with("type", json).verdict.reason == "wrong_type:type")
        }
    }

    @Test(arguments: EventType.allCases)
    func fieldsOfOtherTypesMayHaveAnyShape(_ type: EventType) throws {
        let row = Sample.contract[Int(type.rawValue)]
        let mine = Set(row.required + row.optional + ["type"])
        let plain = Sample(type).verdict
        for field in EventField.allCases where !mine.contains(field.name) {
            for json in [
                "true", "\"x\"", "-7", "1e9", "[1,{}]", "{\"product_id\":[]}", "[{\"quantity\":-1}]", "null", "\"\"",
            ] {
                #expect(Sample(type).with(field.name, json).verdict == plain, "\(field.name): \(json)")
            }
        }
    }

    @Test(arguments: EventType.allCases)
    func unknownFieldsAreKeptInTheRawBytes(_ type: EventType) throws {
        let text = Sample(type).with("colour", "{\"rgb\":[1,2,3]}").with("Event_ID", "1").text
        let bytes = PaddedBytes(copying: Array(text.utf8))
        let batch = EventBatch(capacity: 1)
        #expect(EventDecoder().decode(bytes.bytes, into: batch) == nil)
        #expect(batch.raw(0).string == text)
    }

    @Test(arguments: ["", "clicks", "Click", "click ", "order_statu", "order_statuses"] as [String])
    func anotherTypeIsUnknown(_ word: String) {
        #expect(Sample(.click).with("type", "\"\(word)\"").verdict.reason == "unknown_type")
    }

    @Test func idsHoldOneTo128Bytes() throws {
        for (type, required, optional) in Sample.contract {
            for name in required + optional {
                let field = try #require(EventField.allCases.first { $0.name == name })
                guard field.kind == .id else { continue }
                let sample = Sample(type, all: true)
                let longest = String(repeating: "é", count: 64)
                #expect(sample.with(name, "\"\(longest)\"").verdict.event?.strings[field] == longest)
                #expect(sample.with(name, "\"\(longest)x\"").verdict.reason == "wrong_type:\(name)")
                // Escapes are undone before the bytes are counted.
                let escaped = String(repeating: "\\u00e9", count: 64)
                #expect(sample.with(name, "\"\(escaped)\"").verdict.event?.strings[field] == longest)
                let empty = sample.with(name, "\"\"").verdict
                if required.contains(name) {
                    #expect(empty.reason == "missing_field:\(name)")
                } else {
                    #expect(try #require(empty.event).has(field) == false, "an empty \(name) is as good as none")
                }
            }
        }
    }

    @Test func textMayBeEmptyAndLong() {
        let long = String(repeating: "x", count: 10_000)
        #expect(Sample(.click).with("page", "\"\"").verdict.event?.strings[.page] == "")
        #expect(Sample(.click).with("page", "\"\(long)\"").verdict.event?.strings[.page] == long)
    }

    @Test(
        arguments: [
            (EventType.click, "channel", EventWords.channels), (.orderStatus, "status", EventWords.statuses),
            (.orderStatus, "previous_status", EventWords.statuses), (.cart, "action", ["add", "update", "remove"]),
            (.wishlist, "action", ["add", "remove"]),
        ] as [(EventType, String, [String])])
    func closedListsTakeTheirWordsAndNoOthers(_ type: EventType, _ name: String, _ words: [String]) {
        for word in words { #expect(Sample(type, all: true).with(name, "\"\(word)\"").verdict.event != nil) }
        for word in ["", "Add", "website ", "unknown", type == .wishlist ? "update" : "addd"] {
            #expect(Sample(type, all: true).with(name, "\"\(word)\"").verdict.reason == "wrong_type:\(name)")
        }
    }

    @Test func theWordsOfTheContractArePinned() {
        #expect(EventWords.channels == ["shopee", "lazada", "tiki", "website", "store"])
        #expect(
            EventWords.statuses == ["pending", "paid", "packed", "shipped", "delivered", "cancelled", "returned"])
        #expect(
            Topic.allCases.map(\.name) == [
                "clicks", "searches", "carts", "wishlists", "purchases", "orders", "stock", "quarantine",
            ])
        #expect(
            RejectionReason.Word.allCases.map(\.text) == [
                "not_json", "too_large", "unknown_type", "missing_field", "wrong_type", "bad_timestamp",
                "too_far_in_future", "bad_money", "bad_currency", "empty_items", "bad_quantity", "bad_utf8",
            ])
        #expect(RejectionReason(.missingField, .userID).description == "missing_field:user_id")
        #expect(RejectionReason(.badMoney, .discount).description == "bad_money")
    }
}

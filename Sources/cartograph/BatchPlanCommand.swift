import ArgumentParser
import Foundation
import Models

/// `cartograph batch plan`.
struct BatchPlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Tell what `batch run` would make anew and why, without a write; exit 1 when a column is missing.",
        discussion: "It is about what bronze holds. A run first brings what the log has more into bronze.")

    @OptionGroup var options: ShopOptions
    @OptionGroup var batch: BatchOptions
    @Flag(name: .long, help: "As if every table selected were to be made anew.") var fullRefresh = false
    @Flag(name: .long, help: "Show the models that nothing would happen to, too.") var all = false

    private struct Entry: Encodable {
        let name: String
        let table: String
        let action: String
        let reason: String
        /// nil for all.
        let days: [String]?
        let rows: Int?
    }

    private struct Problem: Encodable {
        let table: String
        let column: String?
        let needed_by: [String]
        let message: String
    }

    private struct Answer: Encodable {
        let models: [Entry]
        let problems: [Problem]
    }

    func run() async throws {
        let settings = try options.settings()
        let runner = try batch.reader(settings)
        let bar = SharedProgress("planning", quiet: options.json)
        let plan = try runner.plan(batch.selection, fullRefresh: fullRefresh) { name, number, count in
            bar.show(Int64(number - 1), of: Int64(count), name)
        }
        bar.finish()
        if options.json {
            try BatchCommand.printJSON(answer(plan))
        } else {
            show(plan)
        }
        if !plan.problems.isEmpty { throw ExitCode(1) }
    }

    private func answer(_ plan: ModelPlan) -> Answer {
        Answer(
            models: plan.models.map { model in
                var days: [String]?
                if case .some(let named) = model.days { days = named.sorted() }
                return Entry(
                    name: model.name, table: model.table, action: model.action.rawValue, reason: model.reason,
                    days: days,
                    rows: model.rows)
            },
            problems: plan.problems.map {
                Problem(table: $0.table, column: $0.column, needed_by: $0.neededBy, message: $0.description)
            })
    }

    private func show(_ plan: ModelPlan) {
        for problem in plan.problems { print("  ✗ \(problem)") }
        guard plan.problems.isEmpty else { return }
        let shown = plan.models.filter { all || $0.action != .unchanged }
        for model in shown {
            let what =
                switch model.action {
                case .unchanged: "unchanged"
                case .create: "make"
                case .rebuild: "make anew"
                case .append: "add \(Int64(model.rows ?? 0).grouped) rows on \(model.days.summary)"
                case .replaceDays: "make anew \(model.days.summary)"
                }
            print("  \(model.table): \(what), since \(model.reason)")
        }
        let unchanged = plan.models.count { $0.action == .unchanged }
        print("\(plan.models.count - unchanged) models would change, \(unchanged) would not")
    }
}

import ArgumentParser
import Engine
import Foundation
import Iceberg
import Models

/// Which models a command is about, and the values of their variables.
struct BatchOptions: ParsableArguments {
    @Option(
        name: [.long, .short], parsing: .upToNextOption,
        help: ArgumentHelp(
            "Which models, as dbt spells it: daily_sales, +daily_sales, sales+, 2+sales, @sales, tag:x, path:models/marts, "
                + "source:bronze.clicks, state:modified; a comma is and, a blank is or.", valueName: "words"))
    var select: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: "What to leave out of them.")
    var exclude: [String] = []

    @Option(
        name: .long,
        help: "Values of variables in JSON or YAML, '{\"session_gap_minutes\": 45}'. They change what models say.")
    var vars: String?

    var selection: ModelSelection { ModelSelection(select: select, exclude: exclude) }

    /// The variables given, over what the configuration sets.
    func variables(_ settings: Settings) throws -> ModelVariables {
        try (vars.map(ModelVariables.init(parsing:)) ?? ModelVariables()).over(settings.modelVariables)
    }

    /// The project.
    func project(_ settings: Settings) throws -> ModelProject {
        try ModelProject(folder: try Home.find().models, variables: try variables(settings))
    }

    /// Runs over the tables as they are, beside whoever else is at work: for what writes nothing.
    func reader(_ settings: Settings) throws -> ModelRunner {
        let (place, folder) = try LakeCommand.place(settings)
        var engine = DuckDB.Settings()
        engine.threads = 2
        engine.memoryLimitBytes = BatchService.commandEngineBytes
        engine.temporaryFolder = folder.temporary + "/models"
        engine.objectStore = place.objectStore
        return ModelRunner(project: try project(settings), catalog: try place.openCatalog(), engine: engine)
    }
}

extension Settings {
    /// What the configuration says of the models' variables.
    var modelVariables: ModelVariables {
        ModelVariables([
            "business_timezone": timezone, "reporting_currency": currency, "cost_currency": currency,
        ])
    }
}

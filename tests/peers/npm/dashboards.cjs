// Checks Grafana dashboards against the types that Grafana publishes (@grafana/schema), by the TypeScript compiler.
//
// Argument: the folder that holds node_modules. Standard input: a list of dashboards. Prints a list as long, each a list
// of what is wrong with that dashboard.
const { createRequire } = require("node:module");
const path = require("node:path");
const fs = require("node:fs");

const folder = path.resolve(process.argv[2]);
const ts = createRequire(path.join(folder, "package.json"))("typescript");

const RAW = "@grafana/schema/dist/esm/raw/composable";
const TYPES = `
import type * as schema from "@grafana/schema";
import type * as timeseries from "${RAW}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as stat from "${RAW}/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as timeline from "${RAW}/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
// JSON holds the values of enumerations, not their members.
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Body<P, D, O, C> = Plain<Omit<P, "options" | "fieldConfig" | "targets" | "type" | "gridPos" | "title" | "description">> & {
  title: string; description: string; gridPos: schema.GridPos; options: Plain<O>;
  fieldConfig: Plain<{ defaults: Omit<D, "custom"> & { custom?: C }; overrides: schema.FieldConfigSource["overrides"] }>;
  targets: Target[];
};
type Target = { refId: string; datasource: schema.DataSourceRef; editorMode: "code"; expr: string; legendFormat: string;
  range: boolean; instant: boolean; format?: "table" };
type Of<K, O, C = {}> = { type: K } & Body<schema.Panel, schema.FieldConfig, O, C>;
type Table = Partial<Omit<schema.TableOptions, "sortBy">> & { sortBy?: { displayName: string; desc: boolean }[] };
type Panels = {
  stat: Of<"stat", stat.Options>;
  timeseries: Of<"timeseries", timeseries.Options, timeseries.FieldConfig>;
  "state-timeline": Of<"state-timeline", timeline.Options, timeline.FieldConfig>;
  table: Of<"table", Table, Partial<schema.TableFieldOptions>>;
  row: Plain<schema.RowPanel>;
};
type Variable = Plain<schema.VariableModel> & { definition?: string };
type Frame = Plain<Omit<schema.Dashboard, "panels" | "templating" | "annotations">>;
type Annotation = Plain<schema.AnnotationQuery> & { expr: string; titleFormat: string; textFormat: string; step: string; useValueForTime: boolean };
`.trim().split("\n");

const literal = (value) => JSON.stringify(value).replace(/\u2028/g, "\\u2028").replace(/\u2029/g, "\\u2029");

// One line a part, so that a complaint's line says whose it is.
function parts(dashboard) {
  const { panels, templating, annotations, ...frame } = dashboard;
  const named = (what, type, value) => ({ what, type, value });
  return [
    named("the dashboard", "Frame", frame),
    ...panels.map((panel) => named(`panel ${panel.title}`, `Panels[${literal(panel.type)}]`, panel)),
    ...templating.list.map((variable) => named(`variable ${variable.name}`, "Variable", variable)),
    ...annotations.list.map((annotation) => named(`annotation ${annotation.name}`, "Annotation", annotation)),
  ];
}

function compiled(source) {
  const name = path.join(folder, "dashboards.ts");
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (file, ...rest) =>
    file === name ? ts.createSourceFile(file, source, options.target) : read(file, ...rest);
  const exists = host.fileExists;
  host.fileExists = (file) => file === name || exists(file);
  const program = ts.createProgram([name], options, host);
  const main = program.getSourceFile(name);
  return [...program.getGlobalDiagnostics(), ...program.getSyntacticDiagnostics(main), ...program.getSemanticDiagnostics(main)];
}

const dashboards = JSON.parse(fs.readFileSync(0, "utf8"));
const all = dashboards.flatMap((dashboard, of) => parts(dashboard).map((part) => ({ of, ...part })));
const lines = all.map(({ type, value }, at) => `export const p${at}: ${type} = ${literal(value)};`);
const found = dashboards.map(() => []);
for (const complaint of compiled([...TYPES, ...lines].join("\n"))) {
  const text = ts.flattenDiagnosticMessageText(complaint.messageText, "; ");
  const line = complaint.file?.getLineAndCharacterOfPosition(complaint.start).line ?? 0;
  const part = all[line - TYPES.length];
  if (!part) throw new Error(text);
  found[part.of].push(`${part.what}: ${text}`);
}
console.log(JSON.stringify(found));

// Checks messages against what their receivers publish: Slack's, Discord's, Microsoft's and Telegram's types by the
// TypeScript compiler, Microsoft's parser of Adaptive Cards, and Discord's validators of embeds.
//
// Argument: the folder that holds node_modules. Standard input: [{"format", "body"}]. Prints a list as long, each null or
// what is wrong with that message.
const { createRequire } = require("node:module");
const path = require("node:path");
const fs = require("node:fs");

const folder = path.resolve(process.argv[2]);
const load = createRequire(path.join(folder, "package.json"));
const ts = load("typescript");
const cards = load("adaptivecards/dist/adaptivecards.js");
const discord = load("@discordjs/builders");

const TYPES = {
  slack: "{ text: string; blocks: import('@slack/types').KnownBlock[] }",
  discord: "import('discord-api-types/v10').RESTPostAPIWebhookWithTokenJSONBody",
  teams:
    "{ type: 'message'; attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive'; contentUrl: null; " +
    "content: import('@microsoft/teams.cards').IAdaptiveCard }] }",
  telegram: "Parameters<import('@grammyjs/types').ApiMethods<unknown>['sendMessage']>[0]",
};

// One line each, so that a complaint's line says whose it is.
function typed(messages) {
  const lines = messages.map(({ format, body }, at) => {
    const value = JSON.stringify(body).replace(/\u2028/g, "\\u2028").replace(/\u2029/g, "\\u2029");
    return `const m${at}: ${TYPES[format]} = ${value};`;
  });
  const name = path.join(folder, "messages.ts");
  const source = lines.join("\n") + "\nexport {};\n";
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
  const found = messages.map(() => []);
  const all = [...program.getGlobalDiagnostics(), ...program.getSyntacticDiagnostics(main), ...program.getSemanticDiagnostics(main)];
  for (const complaint of all) {
    const text = ts.flattenDiagnosticMessageText(complaint.messageText, "; ");
    if (!complaint.file) throw new Error(text);
    found[complaint.file.getLineAndCharacterOfPosition(complaint.start).line].push(text);
  }
  return found;
}

// Microsoft's own parser understands all of the card, and gives it back as it came.
function card(body) {
  const context = new cards.SerializationContext();
  const content = body.attachments[0].content;
  const parsed = new cards.AdaptiveCard();
  parsed.parse(content, context);
  const problems = [];
  for (let at = 0; at < context.eventCount; at++) problems.push(context.getEventAt(at).message);
  problems.push(...parsed.validateProperties().validationEvents.map((event) => event.message));
  const { fallbackText, ...shown } = content;
  const { fallbackText: _text, ...kept } = parsed.toJSON();
  if (canonical(kept) !== canonical(shown)) problems.push("the parser leaves something out");
  return problems;
}

// Without what is so by default, and whatever the case of names.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value).toLowerCase();
  const fields = Object.entries(value).filter(([, field]) => String(field).toLowerCase() !== "default");
  return `{${fields.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => `${key}:${canonical(field)}`)}}`;
}

function embeds(body) {
  const rules = discord.EmbedAssertions;
  const problems = [];
  const demand = (rule, value) => {
    try {
      rule.parse(value);
    } catch (error) {
      problems.push(error.message);
    }
  };
  for (const embed of body.embeds) {
    demand(rules.titlePredicate, embed.title ?? null);
    demand(rules.descriptionPredicate, embed.description ?? null);
    demand(rules.colorPredicate, embed.color ?? null);
    demand(rules.footerTextPredicate, embed.footer?.text ?? null);
  }
  const length = body.embeds.reduce((sum, embed) => sum + discord.embedLength(embed), 0);
  if (length > 6000) problems.push(`${length} characters in all embeds`);
  return problems;
}

const messages = JSON.parse(fs.readFileSync(0, "utf8"));
const found = typed(messages);
messages.forEach(({ format, body }, at) => {
  if (format === "teams") found[at].push(...card(body));
  if (format === "discord") found[at].push(...embeds(body));
});
console.log(JSON.stringify(found.map((problems) => (problems.length ? problems.join("; ") : null))));

// Builds the module that Home Assistant serves.
//   node build.mjs           writes the module
//   node build.mjs --check   fails if the module is not what the sources make, or is too large
//   node build.mjs --tests   bundles the unit tests into build/tests
//   node build.mjs --demo    bundles the page on which the card is looked at, into build/demo
import { build } from "esbuild";
import { copyFile, readFile, readdir, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const output = resolve(
  here,
  "../custom_components/azure_realtime_audio/frontend/azure-realtime-audio-card.js",
);
const MAX_GZIPPED_BYTES = 60_000;

const settings = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  logLevel: "warning",
  tsconfig: join(here, "tsconfig.json"),
};

// `import source from "worklet:./file.ts"` is the built text of a worklet, which becomes a Blob URL:
// nothing is fetched at run time.
const worklets = {
  name: "worklets",
  setup(pluginBuild) {
    pluginBuild.onResolve({ filter: /^worklet:/ }, ({ path, resolveDir }) => ({
      path: relative(here, resolve(resolveDir, path.slice("worklet:".length))),
      namespace: "worklet",
    }));
    pluginBuild.onLoad({ filter: /.*/, namespace: "worklet" }, async ({ path }) => {
      const { outputFiles } = await build({
        ...settings,
        entryPoints: [path],
        format: "iife",
        minify: true,
        write: false,
      });
      return { contents: outputFiles[0].text, loader: "text", watchFiles: [resolve(here, path)] };
    });
  },
};

const card = {
  ...settings,
  entryPoints: ["src/main.ts"],
  minify: true,
  legalComments: "eof",
  outfile: output,
  plugins: [worklets],
};

async function check() {
  const { outputFiles } = await build({ ...card, write: false });
  const built = Buffer.from(outputFiles[0].contents);
  const committed = await readFile(output).catch(() => Buffer.alloc(0));
  if (!built.equals(committed)) {
    fail("The built card is not what its sources make: run script/frontend, and commit the module.");
  }
  reportSize(built);
}

function reportSize(module) {
  const size = gzipSync(module, { level: 9 }).length;
  console.log(`The card is ${size} bytes, gzipped.`);
  if (size > MAX_GZIPPED_BYTES) fail(`That is more than ${MAX_GZIPPED_BYTES}.`);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

async function buildTests() {
  await rm(join(here, "build/tests"), { recursive: true, force: true });
  const names = await readdir(join(here, "tests"));
  await build({
    ...settings,
    platform: "node",
    sourcemap: "inline",
    entryPoints: names.filter((name) => name.endsWith(".test.ts")).map((name) => `tests/${name}`),
    outdir: "build/tests",
    outExtension: { ".js": ".mjs" },
    plugins: [worklets],
  });
}

async function buildDemo() {
  await build({
    ...settings,
    sourcemap: "inline",
    entryPoints: ["demo/demo.ts"],
    outdir: "build/demo",
    plugins: [worklets],
  });
  await copyFile(join(here, "demo/index.html"), join(here, "build/demo/index.html"));
}

switch (process.argv[2]) {
  case undefined:
    await build(card);
    reportSize(await readFile(output));
    break;
  case "--check":
    await check();
    break;
  case "--tests":
    await buildTests();
    break;
  case "--demo":
    await buildDemo();
    break;
  default:
    fail("Usage: node build.mjs [--check | --tests | --demo]");
}

// Which files of node_modules the bundled program needs on this platform.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { EXTERNAL_LIBRARIES } from './externalLibraries.mjs';

const { platform, arch } = process;

/** Packages that are used while others are installed or compiled, but not when they run. */
const USED_BEFORE = new Set(['adm-zip', 'global-agent', 'debug', '@webgpu/types']);

/** Where packages keep the libraries of all platforms, and in which of these folders are this one's. */
const PLATFORM_FOLDERS = {
  'onnxruntime-node': { all: 'bin/', own: `bin/napi-v6/${platform}/${arch}/` },
  webgpu: { all: 'dist/', own: `dist/${platform}-${platform === 'darwin' ? 'universal' : arch}/` },
};

const NEEDED_FILE = /(\.(js|cjs|mjs|json|node|wasm|dll|dylib|so)|\.so\.[\d.]+)$/i;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)[^/]*$/i;
/** These need libraries of CUDA that are not brought along. */
const CUDA_FILE = /providers_(cuda|tensorrt|shared)/;

const readPackage = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Where a package finds another one: in its own node_modules, or in those of a folder above; undefined if nowhere. */
function resolvePackage(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

function fitsHere({ os = [platform], cpu = [arch] }) {
  return os.includes(platform) && cpu.includes(arch);
}

/** The folders of the packages that are loaded when the program runs, sorted. @param root of the project */
export function runtimePackages(root) {
  const found = new Set();
  const visit = (name, from, isOptional) => {
    const folder = resolvePackage(name, from);
    if (folder === undefined && !isOptional) throw new Error(`${name} is not installed; run npm ci`);
    if (folder === undefined || found.has(folder)) return;
    const { dependencies = {}, optionalDependencies = {}, ...own } = readPackage(folder);
    if (!fitsHere(own)) return;
    found.add(folder);
    for (const other of Object.keys(dependencies))
      if (!USED_BEFORE.has(other)) visit(other, folder, other in optionalDependencies);
    for (const other of Object.keys(optionalDependencies)) visit(other, folder, true);
  };
  for (const name of EXTERNAL_LIBRARIES) visit(name, root, false);
  return [...found].sort();
}

/** The files of a package that are needed here, by their paths in its folder, sorted. */
export function filesNeededOf(folder) {
  const { all, own } = PLATFORM_FOLDERS[readPackage(folder).name] ?? { all: '', own: '' };
  const isNeeded = (path) =>
    !path.split('/').includes('node_modules') &&
    (path.startsWith(own) || !path.startsWith(all)) &&
    (NEEDED_FILE.test(path) || LICENCE_FILE.test(path)) &&
    !CUDA_FILE.test(path);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter(isNeeded)
    .sort();
}

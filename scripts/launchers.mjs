// The file by which a packaged program is started.

/** Follows links, so that a link to it may lie in a folder of PATH. */
const SHELL = `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname "$self")/$target ;;
  esac
done
here=$(CDPATH= cd -- "$(dirname -- "$self")" && pwd -P) || exit 1
`;

const SHELL_OWN_NODE = 'exec "$here/bin/node" "$here/dist/program/main.js" "$@"\n';

const SHELL_OTHER_NODE = `if ! node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2> /dev/null
then
  echo 'arpg: needs Node.js 20.19 or later as node on the PATH' >&2
  exit 1
fi
exec node "$here/dist/program/main.js" "$@"
`;

/**
 * @param hasNode whether the package has a Node.js of its own, in bin/
 * @returns the launcher's name and text on this platform
 */
export function launcher(hasNode) {
  if (process.platform !== 'win32')
    return { name: 'arpg', text: SHELL + (hasNode ? SHELL_OWN_NODE : SHELL_OTHER_NODE) };
  const node = hasNode ? '"%~dp0bin\\node.exe"' : 'node';
  return { name: 'arpg.cmd', text: `@${node} "%~dp0dist\\program\\main.js" %*\r\n` };
}

// Where the program begins. A shell that completes a command line asks at each press of a key: what answers it is apart.
import { COMPLETE_COMMAND } from './completion/scripts.js';

if (process.argv[2] === COMPLETE_COMMAND) await import('./completion/main.js');
else await import('./program.js');

import { commandShapes } from '../manifest.js';
import { answerShell } from './answer.js';

// The program's fast path, which a shell waits for after each press of the key: nothing of the rest is loaded.
const [shell = '', ...words] = process.argv.slice(3);
process.stdout.write(answerShell(shell, words, commandShapes()));

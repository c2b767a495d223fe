/** A graph that cannot be built or run as asked; the message names the operation, the shapes and the scope. */
export class GraphError extends Error {
  override readonly name = 'GraphError';

  constructor(message: string, scope = '') {
    super(scope === '' ? message : `${message} (in ${scope})`);
  }
}

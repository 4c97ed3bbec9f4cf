/**
 * The page of a front end that uses a calendar: sign in, connect, sync, list, disconnect. It keeps the CSRF token in a
 * variable, and the browser keeps the session cookie, which the page cannot read.
 * @param api the base URL of the service
 */
export const calendarPage = (api: string): string => `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Calendar</title></head>
  <body>
    <form id="sign-in">
      <input name="email" type="email" autocomplete="username">
      <input name="password" type="password" autocomplete="current-password">
      <button>Sign in</button>
    </form>
    <p id="who"></p>
    <p><a id="connect" href="${api}/calendar/connect" target="_blank">Connect</a></p>
    <p><button id="status">Status</button> <button id="sync">Sync</button> <button id="list">List</button>
      <button id="disconnect">Disconnect</button></p>
    <output id="answer"></output>
    <ul id="events"></ul>
    <script>
      const element = (id) => document.getElementById(id);
      let csrfToken;
      let answered = 0;
      const show = (answer) => {
        answered += 1;
        element('answer').textContent = JSON.stringify({ answered, ...answer });
      };
      const send = async (method, path, body) => {
        try {
          const answer = await fetch('${api}' + path, {
            method,
            credentials: 'include',
            headers: {
              ...(body && { 'Content-Type': 'application/json' }),
              ...(csrfToken && method !== 'GET' && { 'X-CSRF-Token': csrfToken }),
            },
            ...(body && { body: JSON.stringify(body) }),
          });
          const text = await answer.text();
          return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
        } catch (error) {
          return { status: 0, body: { detail: String(error) } };
        }
      };
      element('sign-in').addEventListener('submit', async (event) => {
        event.preventDefault();
        const { email, password } = Object.fromEntries(new FormData(event.target));
        const answer = await send('POST', '/auth/login', { email, password, session: true });
        csrfToken = answer.body.csrf_token;
        if (csrfToken) element('who').textContent = (await send('GET', '/auth/me')).body.email;
        show(answer);
      });
      const onClick = (id, act) => element(id).addEventListener('click', async () => show(await act()));
      onClick('status', () => send('GET', '/calendar/connection'));
      onClick('sync', () => send('POST', '/calendar/sync/auto'));
      onClick('list', async () => {
        const answer = await send('GET', '/calendar/events?from=2027-03-01&to=2027-03-31');
        element('events').replaceChildren(
          ...(answer.body.data ?? []).map(({ summary }) => {
            const item = document.createElement('li');
            item.textContent = summary;
            return item;
          }),
        );
        return answer;
      });
      onClick('disconnect', () => send('DELETE', '/calendar/connection'));
    </script>
  </body>
</html>
`;

--- Edits are followed while a server is away.
---
--- Where a buffer is edited that has no language client, as between a server's death and the next, Neovim (0.7 to 0.12
--- at least) stops following its edits, and does not begin again for the next client. So somebody else holds its place.

local editor = require('advisor.editor')

local M = {}

local NOBODY = -1 -- the id of no client: before 0.10, ids are counted without a look at who has them

--- A language server inside Neovim that can do nothing.
local function idle(dispatchers)
  local closing = false
  local function close()
    if not closing then
      closing = true
      dispatchers.on_exit(0, 0)
    end
  end
  return {
    request = function(method, _, answer)
      answer(nil, method == 'initialize' and { capabilities = {} } or vim.NIL)
      return true, 1
    end,
    notify = function(method)
      if method == 'exit' then
        close()
      end
      return true
    end,
    is_closing = function() return closing end,
    terminate = close,
  }
end

--- Hold the place of a server in some buffers. Returns what release() takes.
function M.hold(root, buffers)
  local id = NOBODY
  if vim.fn.has('nvim-0.10') == 1 then
    id = editor.start({ name = 'advisor (away)', cmd = idle, root_dir = root })
  end
  for _, bufnr in ipairs(buffers) do
    vim.lsp.buf_attach_client(bufnr, id)
  end
  return id
end

--- The server is back.
function M.release(id)
  local client = editor.client(id)
  if client then
    editor.call(client, 'stop')
  end
end

return M

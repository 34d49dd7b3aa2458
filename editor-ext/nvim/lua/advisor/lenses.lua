--- Code lenses and inlay hints: shown when a buffer is attached, and again whenever the server says so.

local editor = require('advisor.editor')
local options = require('advisor.options')

local M = {}

local ITSELF = vim.lsp.codelens.enable ~= nil -- Neovim 0.12 keeps lenses up to date by itself

local function clear(client, bufnr)
  if vim.lsp.codelens.clear then
    return vim.lsp.codelens.clear(client.id, bufnr)
  end
  -- its name in 0.7 and 0.8, which leave the last lenses where there are none any more
  vim.api.nvim_buf_clear_namespace(bufnr, vim.api.nvim_create_namespace('vim_lsp_codelens:' .. client.id), 0, -1)
end

--- Ask for the lenses of a buffer and show them. Not by vim.lsp.codelens.refresh(): until 0.9 it is for the current
--- buffer only, and asks never again once a server dies with the question.
function M.refresh(client, bufnr)
  if ITSELF or not options.values.code_lens then
    return
  end
  local params = { textDocument = { uri = vim.uri_from_bufnr(bufnr) } }
  editor.call(client, 'request', 'textDocument/codeLens', params, function(err, result, context, config)
    if err or not vim.api.nvim_buf_is_loaded(bufnr) then
      return -- the text is a newer one, say: the server asks for another look when it knows more
    end
    clear(client, bufnr)
    vim.lsp.codelens.on_codelens(err, result, context, config)
  end, bufnr)
end

--- The server has new lenses.
function M.on_refresh(_, _, context)
  local client = editor.client(context.client_id)
  for bufnr in pairs(client and client.attached_buffers or {}) do
    M.refresh(client, bufnr)
  end
  return vim.NIL
end

--- Show lenses and hints in a buffer that has just been attached.
function M.attach(client, bufnr)
  if options.values.code_lens then
    if ITSELF then
      vim.lsp.codelens.enable(true, { bufnr = bufnr })
    else
      M.refresh(client, bufnr)
    end
  end
  if options.values.inlay_hints and vim.lsp.inlay_hint and vim.fn.has('nvim-0.10') == 1 then
    vim.lsp.inlay_hint.enable(true, { bufnr = bufnr })
  end
end

--- What this client can do with lenses, for the server.
function M.capabilities(capabilities)
  if not ITSELF then
    capabilities.workspace.codeLens = { refreshSupport = true }
  end
end

--- The handlers of the server's requests about them.
function M.handlers()
  return ITSELF and {} or { ['workspace/codeLens/refresh'] = M.on_refresh }
end

return M
